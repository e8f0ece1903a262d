"""A report of stored runs, once or whenever they change: reads, compares, prints and writes.

pandas and scipy are imported when a report is made, so that the command line can import this module at no cost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnlab.errors import StorageError, UserError, shown
from bnlab.report.question import Question
from bnlab.store import CHANGED, FINISHED

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from bnlab.report.comparison import Comparison, Looks, Measured

WATCH_SECONDS = 2.0


@dataclass(frozen=True)
class Report:
    """What was compared and said, what had to be left out, and the files that were written."""

    comparison: Comparison
    verdicts: list[str]
    warnings: list[str]
    files: list[Path]

    def as_json(self) -> str:
        """The comparison for programs: the arms, the pairs, the sentences, notes and warnings, as in summary.json."""
        from bnlab.report.tables import comparisons, present, render, summary

        written = present([summary(self.comparison), comparisons(self.comparison)])
        return render.in_json(self.comparison, written, self.verdicts, self.warnings)


def make(run_folders: Sequence[Path], question: Question, output: Path | None, console: Console) -> Report:
    """Compare runs, print the verdicts and the table, and write the files if there is a folder for them.

    Args:
        run_folders: run folders, or folders that hold run folders.
        question: what is compared with what.
        output: the folder for the tables, the charts and report.html; None: nothing is written.
        console: where the verdicts and the table go.

    Raises:
        UserError: a missing folder, no run, an unknown column or metric, a baseline that is not one arm, or an output
            folder that cannot be written.
        StorageError: the plan cannot be noted in the runs folder.
    """
    from bnlab.report.comparison import frame

    command = question.command(run_folders, output)
    return _make(*frame.read(run_folders), question, command, output, console, watched=False)


def _make(
    replicates: pd.DataFrame,
    broken: list[str],
    question: Question,
    command: str,
    output: Path | None,
    console: Console,
    *,
    watched: bool,
) -> Report:
    """The same of what `frame.read` gave; the command is what makes the report."""
    from bnlab.report.comparison import Looks, compare, curves, short_names, unit
    from bnlab.report.tables import against, render
    from bnlab.report.tables import target as targets
    from bnlab.report.verdicts import verdicts

    # Before anything is written: it may be the folder of this report too.
    earlier = None if question.against is None else against.read(question.against)
    if earlier:
        against.check_metric(earlier, question.metric)
    measured = curves.read(replicates)
    broken = [*broken, *_changed(replicates, measured)]
    replicates = replicates.drop(index=list(measured.changed))
    if replicates.empty:
        raise UserError(f"no run to report: {'; '.join(broken)}")
    looks = Looks(replicates)
    if question.plan is not None:
        looks.plan(question.plan)
    comparison = compare(
        replicates, question.by, question.metric, question.baseline, planned=looks.planned, watched=watched
    )
    comparison.notes.extend(looks.notes(comparison))
    scale = unit(question.metric).scale
    said = verdicts(comparison, question.margin and question.margin / scale)
    warnings = broken + comparison.left_out + measured.warnings + looks.damage
    if comparison.pairs or comparison.lead:
        warnings += _note(looks, comparison)
    files = []
    target = None if question.target is None else question.target / scale
    if output:
        from bnlab.report import files as contents

        files = render.write(contents.contents(comparison, measured, said, warnings, target, command), output)
    reached = None if target is None else targets.table(comparison, measured.timed, target)
    render.show(comparison, said, warnings, files, console, reached)
    if earlier:
        render.show_table(against.table(earlier, comparison, short_names(comparison)), console)
        for sentence in against.sentences(earlier, said):
            render.say(sentence, console)
    return Report(comparison, said, warnings, files)


def _changed(replicates: pd.DataFrame, measured: Measured) -> list[str]:
    """A line for each replicate whose files are not what was stored."""
    folders = replicates["folder"]
    return [f"skipped {shown(folders[row])}: {name} {CHANGED}" for row, name in measured.changed.items()]


def _note(looks: Looks, comparison: Comparison) -> list[str]:
    """Keeps that verdicts were read; a line where the runs are somebody's that cannot be written to."""
    try:
        looks.read(comparison)
    except StorageError as error:
        return [f"that these verdicts were read cannot be noted beside the runs ({error.strerror})"]
    return []


def watch(run_folders: Sequence[Path], question: Question, output: Path | None, console: Console) -> None:
    """`make` now, and again whenever replicates were evaluated or finish, until Ctrl-C.

    There are no verdicts before the planned number of seeds, and none without a plan: after each seed would be too
    often to look. Above it is shown what there is so far of the replicates in training; instead of it, as long as none
    has finished. Files are written when results have changed. While there is nothing to show the reason is, and the
    watch goes on.

    Raises:
        KeyboardInterrupt: at Ctrl-C.
    """
    results: object = None
    metrics: object = None
    while True:
        before = results, metrics
        results, metrics = _times(run_folders, "result.json"), _times(run_folders, "metrics.csv")
        if (results, metrics) != before:
            console.clear()
            try:
                _make_so_far(run_folders, question, output if results != before[0] else None, console)
            except UserError as error:
                console.print(f"waiting: {error}", markup=False, soft_wrap=True)
        time.sleep(WATCH_SECONDS)


def _make_so_far(run_folders: Sequence[Path], question: Question, output: Path | None, console: Console) -> None:
    """What there is so far of replicates in training, and `make` of those that have finished."""
    from bnlab.report.comparison import frame
    from bnlab.report.tables import render, so_far

    replicates, broken = frame.read(run_folders)
    table = so_far.table(replicates, question.by, question.metric)
    if table:
        render.show_table(table, console)
    if not table or replicates["state"].isin(FINISHED).any():
        command = question.command(run_folders, output)
        _make(replicates, broken, question, command, output, console, watched=True)


def _times(run_folders: Sequence[Path], name: str) -> dict[Path, int]:
    """When each replicate's file of that name was last replaced, in nanoseconds; what is removed meanwhile has none."""
    state = {}
    for folder in run_folders:
        for path in folder.glob(f"**/seed-*/{name}"):
            with contextlib.suppress(FileNotFoundError):
                state[path] = path.stat().st_mtime_ns
    return state
