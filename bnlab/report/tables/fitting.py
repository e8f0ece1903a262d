"""Fitting tables to a width: constant columns move to the title, and spare columns are left out."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace

from bnlab.report.comparison import ABSENT
from bnlab.report.tables.contents import Table

MOST_HEAD_LINES = 2


def told_once(table: Table) -> Table:
    """The table with its constant columns moved to the title. The first column always stays."""
    if len(table.cells) < 2:
        return table
    first = table.cells.columns[0]
    same = {name: own.iloc[0] for name, own in table.cells.items() if name != first and own.nunique() == 1}
    if not same:
        return table
    told = ", ".join(f"{name} {value}" for name, value in same.items() if value != ABSENT)
    title = f"{table.title}; in every row: {told}" if told else table.title
    return replace(table, title=title, cells=table.cells.drop(columns=list(same)))


def folded(head: str, cells: Sequence[str]) -> list[str]:
    """A column's head in one or two lines, broken between words, if possible no wider than the cells below it."""
    lines = [head]
    for width in range(max(map(len, [*cells, *head.split()])), len(head)):
        lines = textwrap.wrap(head, width, break_long_words=False, break_on_hyphens=False)
        if len(lines) <= MOST_HEAD_LINES:
            break
    return lines


def fitted(table: Table, width: Callable[[Sequence[str]], float], room: float) -> tuple[Table, list[str]]:
    """The table with as many of its spare columns as there is room for, and the names of those left out.

    Args:
        table: the table.
        width: the function that gives the width of a column, from its head and its cells, with the space to the next.
        room: the width of all columns together, in the same unit.
    """
    widths = {name: width([str(name), *own]) for name, own in table.cells.items()}
    over = sum(widths.values()) - room
    out: list[str] = []
    for name in (name for name in table.spare if name in widths):
        if over > 0:
            out.append(name)
            over -= widths[name]
    # A column that was left out early may be narrow enough to fit after all.
    for name in reversed(out.copy()):
        if over + widths[name] <= 0:
            out.remove(name)
            over += widths[name]
    return replace(table, cells=table.cells.drop(columns=out)), out
