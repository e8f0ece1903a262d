"""Making a report of stored runs, once or whenever they change: reads, compares, prints and writes.

pandas and scipy are imported when a report is made, so that the command line can import this module at no cost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bnlab.errors import StorageError, UserError, shown
from bnlab.machine import status
from bnlab.report.question import Question
from bnlab.store import CHANGED, FINISHED

if TYPE_CHECKING:
    import pandas as pd
    from altair import LayerChart
    from rich.console import Console

    from bnlab.report.comparison import Comparison, Looks, Measured
    from bnlab.report.files import Writer
    from bnlab.report.verdicts import Verdict

WATCH_SECONDS = 2.0


@dataclass(frozen=True)
class Report:
    """The answer to a question, as the command prints and writes it.

    Attributes:
        comparison: the numbers: the arms side by side.
        verdicts: the findings about them, each with its `sentence`.
        warnings: what had to be left out, a line each.
        files: the paths of the files that were written.
    """

    comparison: Comparison
    verdicts: list[Verdict]
    warnings: list[str]
    _measured: Measured
    _target: float | None
    _command: str
    files: list[Path] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """The sentences of the verdicts."""
        return [verdict.sentence for verdict in self.verdicts]

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the tables correctly, a line each."""
        return self.comparison.notes

    @functools.cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by their files' names (`summary`, `comparisons`, ...): unrounded, accuracies as fractions."""
        from bnlab.report.files import written_tables

        return {table.name: table.data for table in written_tables(self.comparison, self._measured, self._target)}

    @functools.cached_property
    def charts(self) -> dict[str, LayerChart]:
        """The charts as Altair's, which a notebook draws, by the names of their files (`curves-test_accuracy`, ...)."""
        from bnlab.report.files import drawings

        drawn = drawings(self.comparison, self._measured, self._target)
        return {drawing.name: drawing.altair for drawing in drawn}

    def as_json(self) -> str:
        """The comparison as JSON, for programs: arms, pairs, sentences, notes and warnings, as in summary.json."""
        from bnlab.report.tables import comparisons, present, render, summary

        written = present([summary(self.comparison), comparisons(self.comparison)])
        return render.in_json(self.comparison, written, self.sentences, self.warnings)

    def write(self, folder: str | Path) -> list[Path]:
        """Writes all that `bnlab report -o FOLDER` writes; returns the files' paths. Raises UserError if it cannot."""
        with _writer(Path(folder)) as writer:
            return self._write(writer)

    def _write(self, writer: Writer) -> list[Path]:
        return writer.write(self.comparison, self._measured, self.sentences, self.warnings, self._target, self._command)

    def __str__(self) -> str:
        """The sentences, a line each."""
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """What a notebook shows: the sentences, the summary, notes and warnings."""
        from bnlab.report.tables import in_html

        return in_html(self.comparison, self.sentences, self.warnings)


def make(run_folders: Sequence[Path], question: Question, output: Path | None, console: Console) -> Report:
    """Compares runs, prints the verdicts and the summary table, and writes the files if a folder is given.

    Args:
        run_folders: run folders, or folders that hold run folders.
        question: what is compared with what.
        output: the folder for the tables, the charts and report.html; None: nothing is written.
        console: where the verdicts and the table are printed.

    Raises:
        UserError: a missing folder, no run, an unknown column or metric, a baseline that is not one arm, or an output
            folder that cannot be written.
        StorageError: the planned number of seeds cannot be stored in the runs folder.
    """
    status.follow("reading runs")
    command = question.command(run_folders, output)
    with _writer(output) if output else contextlib.nullcontext() as writer:
        return _make(*read(run_folders), question, command, writer, console, watched=False)


def _writer(folder: Path) -> Writer:
    from bnlab.report.files import Writer

    return Writer(folder)


def read(run_folders: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """A table with a row per replicate, and warnings; see `bnlab.report.comparison.frame.read`."""
    from bnlab.report.comparison import frame

    return frame.read(run_folders)


def curves_of(replicates: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The learning curves: all rows of metrics.csv of the finished replicates.

    Args:
        replicates: from `read`.

    Returns:
        A table with the columns run, seed, epoch, step, split, loss (nats) and accuracy (a fraction), and warnings
        about replicates whose files are missing or were changed.
    """
    from bnlab.report.comparison import curves

    measured = curves.read(replicates)
    return _named(replicates, measured.metrics), [*_changed(replicates, measured), *measured.warnings]


def probes_of(replicates: pd.DataFrame) -> pd.DataFrame:
    """The rows of probes.csv of the trained replicates of `read`; none of those that were not probed.

    Columns: run, seed, step, probe, layer, quantity and value.
    """
    from bnlab.report.comparison import curves

    return _named(replicates, curves.read(replicates).probed)


def _named(replicates: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the run and seed of their replicates."""
    who = replicates[["run", "seed"]].assign(row=replicates.index)
    return who.merge(rows, on="row").drop(columns="row")


def answer(
    replicates: pd.DataFrame, broken: list[str], question: Question, command: str, *, watched: bool = False
) -> Report:
    """Answers a question with these replicates. Prints nothing, and writes only that the verdicts were read.

    Args:
        replicates: from `read`.
        broken: the warnings of `read`.
        question: what is compared with what.
        command: the command line that makes the same report.
        watched: whether the report is made again after every seed; then there are no verdicts without a plan.

    Raises:
        UserError: no run, an unknown column or metric, or a baseline that is not one arm.
        StorageError: the planned number of seeds cannot be stored in the runs folder.
    """
    from bnlab.report.comparison import Looks, compare, curves, unit
    from bnlab.report.verdicts import verdicts

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
    target = None if question.target is None else question.target / scale
    return Report(comparison, said, warnings, measured, target, command)


def _make(
    replicates: pd.DataFrame,
    broken: list[str],
    question: Question,
    command: str,
    writer: Writer | None,
    console: Console,
    *,
    watched: bool,
) -> Report:
    """`answer` to what `read` gave, printed, and written if there is a writer."""
    from bnlab.report.comparison import short_names
    from bnlab.report.tables import against, render
    from bnlab.report.tables import target as targets

    # Before anything is written: the earlier report may be in the output folder of this one.
    earlier = None if question.against is None else against.read(question.against)
    if earlier:
        against.check_metric(earlier, question.metric)
    status.follow("comparing")
    made = answer(replicates, broken, question, command, watched=watched)
    if writer:
        status.follow(f"drawing and writing {shown(writer.folder)}")
        made = dataclasses.replace(made, files=made._write(writer))
    comparison, said = made.comparison, made.sentences
    target = made._target
    status.clear()
    reached = None if target is None else targets.table(comparison, made._measured.timed, target)
    render.show(comparison, said, made.warnings, made.files, console, reached)
    if earlier:
        render.show_table(against.table(earlier, comparison, short_names(comparison)), console)
        for sentence in against.sentences(earlier, said):
            render.say(sentence, console)
    return made


def _changed(replicates: pd.DataFrame, measured: Measured) -> list[str]:
    """A warning for each replicate with a file that was changed after it was stored."""
    folders = replicates["folder"]
    return [f"skipped {shown(folders[row])}: {name} {CHANGED}" for row, name in measured.changed.items()]


def _note(looks: Looks, comparison: Comparison) -> list[str]:
    """Stores that the verdicts were read; returns a warning if the runs folder cannot be written."""
    try:
        looks.read(comparison)
    except StorageError as error:
        return [f"that these verdicts were read cannot be noted beside the runs ({error.strerror})"]
    return []


def watch(run_folders: Sequence[Path], question: Question, output: Path | None, console: Console) -> None:
    """Makes the report now, and again whenever replicates are evaluated or finish, until Ctrl-C.

    A table of the replicates in training is shown above the report, or alone as long as no replicate has finished. If
    there is nothing to show, the reason is shown. Files are written only when results have changed. There are no
    verdicts before the planned number of seeds, and none without a plan: looking after each seed would find a false
    difference too often.

    Args:
        run_folders: as for `make`.
        question: as for `make`.
        output: as for `make`.
        console: as for `make`.

    Raises:
        KeyboardInterrupt: at Ctrl-C.
    """
    results: object = None
    metrics: object = None
    command = question.command(run_folders, output)
    with _writer(output) if output else contextlib.nullcontext() as writer:
        while True:
            before = results, metrics
            results, metrics = _times(run_folders, "result.json"), _times(run_folders, "metrics.csv")
            if (results, metrics) != before:
                status.clear()
                console.clear()
                try:
                    _make_so_far(run_folders, question, command, writer if results != before[0] else None, console)
                except UserError as error:
                    console.print(f"waiting: {error}", markup=False, soft_wrap=True)
            time.sleep(WATCH_SECONDS)


def _make_so_far(
    run_folders: Sequence[Path], question: Question, command: str, writer: Writer | None, console: Console
) -> None:
    """Shows the table of replicates in training, then the report of those that have finished, if there are any."""
    from bnlab.report.comparison import frame
    from bnlab.report.tables import render, so_far

    replicates, broken = frame.read(run_folders)
    table = so_far.table(replicates, question.by, question.metric)
    if table:
        render.show_table(table, console)
    if not table or replicates["state"].isin(FINISHED).any():
        _make(replicates, broken, question, command, writer, console, watched=True)


def _times(run_folders: Sequence[Path], name: str) -> dict[Path, int]:
    """When the file of this name was last replaced in each replicate's folder, in nanoseconds since 1970."""
    state = {}
    for folder in run_folders:
        for path in folder.glob(f"**/seed-*/{name}"):
            with contextlib.suppress(FileNotFoundError):
                state[path] = path.stat().st_mtime_ns
    return state
