"""Printing of long lines and wide tables: not wrapped in a pipe or a file, on a terminal wrapped between words only."""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LEAST_WIDTH = 40
"""The least columns of a wrapped line, if the terminal is narrower."""

PIECE = re.compile(r"[^-_ ]*[-_ ]|[^-_ ]+")
"""Of a name, what may stand on a line by itself."""


def as_wide_as_needed(table: Table, console: Console) -> Table:
    """The table at its full width: cutting digits off would change numbers, and wrapping thousands of rows is slow."""
    table.width = console.measure(table, options=console.options.update(max_width=sys.maxsize)).maximum
    return table


def say(line: str, console: Console, style: str = "") -> None:
    """Prints a line. On a terminal it is wrapped between words, with the following lines indented."""
    from rich.text import Text

    lines = [line]
    if console.is_terminal:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        width = max(console.width, LEAST_WIDTH)
        lines = textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ) or [line]
    for each in lines:
        console.print(Text(each, style), soft_wrap=True)


def in_pieces(name: str, width: int) -> str:
    """A name in lines of this width, broken after spaces, hyphens and underscores; a longer piece is not broken."""
    lines = [""]
    for piece in PIECE.findall(name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
