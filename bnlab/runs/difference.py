"""`bnlab runs diff`: the differences of two runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnlab.machine import as_wide_as_needed, in_pieces, say
from bnlab.runs.show import seeds
from bnlab.runs.stored import Replicate, Run
from bnlab.store import SPLITS, as_text

ABSENT = "-"


def show_difference(first: Run, second: Run, console: Console) -> None:
    """Prints the settings and environments that differ, and the mean accuracies over the seeds done in both runs."""
    parts = [
        ("setting", _unlike(first.settings, second.settings)),
        ("trained with", _unlike(_environment(first), _environment(second))),
    ]
    for title, rows in parts:
        if rows:
            _print(console, title, first, second, rows)
    if not any(rows for _, rows in parts):
        console.print("no setting differs, nor what they were trained with")
    done = [{r.seed: r for r in run.replicates if r.state == "done"} for run in (first, second)]
    common = sorted(done[0].keys() & done[1].keys())
    if not common:
        console.print("no seed is done in both")
        return
    mine, other = ([own[seed] for seed in common] for own in done)
    rows = [
        (words, f"{a:.2%}", f"{b:.2%}", f"{100 * (b - a):+.2f} points")
        for split, words in SPLITS.items()
        if (a := _mean(mine, split)) is not None and (b := _mean(other, split)) is not None
    ]
    _print(console, "accuracy", first, second, rows)
    said = f"means of the seeds {seeds(mine)}, which both have; whether they differ by more than chance: "
    say(f"{said}bnlab report {first.path} {second.path}", console)


def _unlike(first: Mapping[str, str], second: Mapping[str, str]) -> list[tuple[str, ...]]:
    names = dict.fromkeys(chain(first, second))
    pairs = ((name, first.get(name, ABSENT), second.get(name, ABSENT)) for name in names)
    return [(name, a, b) for name, a, b in pairs if a != b]


def _environment(run: Run) -> dict[str, str]:
    """Each part of the environment, with all values that it has in the run's replicates."""
    found: dict[str, dict[str, None]] = {}
    for replicate in run.replicates:
        if replicate.result is not None:
            for name, value in replicate.result.environment.items():
                found.setdefault(name, {})[as_text(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}


def _mean(replicates: list[Replicate], split: str) -> float | None:
    values = [replicate.final.get(f"{split}_accuracy") for replicate in replicates]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _print(console: Console, title: str, first: Run, second: Run, rows: list[tuple[str, ...]]) -> None:
    heads = [title, first.name, second.name, ""][: len(rows[0]) if rows else 3]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    room = console.width - 2 * (len(heads) + 1)
    if console.is_terminal and sum(widths) > room:
        widths[0] = min(widths[0], room // 3)
        widths[1:3] = [(room - widths[0] - sum(widths[3:])) // 2] * 2
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head, width in zip(heads, widths, strict=True):
        table.add_column(Text(in_pieces(head, width)))
    for row in rows:
        table.add_row(*(Text(in_pieces(cell, width)) for cell, width in zip(row, widths, strict=True)))
    console.print(as_wide_as_needed(table, console), soft_wrap=True)
