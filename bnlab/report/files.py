"""The files of a report: their names and contents."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from bnlab.report import charts, page, tables
from bnlab.report.comparison import Comparison, Measured
from bnlab.report.csv_text import csv_text
from bnlab.report.rendering import Renderer
from bnlab.report.tables import render, robust
from bnlab.report.tables import target as targets
from bnlab.store import PROBES_FILE


class Writer:
    """Writes reports to a folder; in a `with` statement. What the files need from Vega is made in a process beside.

    That process starts at once, with what every page needs, while the runs are read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._renderer = Renderer(charts.VEGA_LITE)
        self._bundle = self._renderer.bundle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._renderer.close()

    def write(
        self,
        comparison: Comparison,
        measured: Measured,
        sentences: Sequence[str],
        warnings: Sequence[str],
        target: float | None,
        command: str,
    ) -> list[Path]:
        """Writes tables, charts, and report.html, and returns their paths.

        Args:
            comparison: from `compare`.
            measured: from `curves.read`.
            sentences: the sentences of the verdicts.
            warnings: what was left out, a line each.
            target: the value of the metric whose first reach is timed, in the metric's own unit (accuracies are
                fractions); None: `target.default`.
            command: the command line that makes this report.

        Raises:
            UserError: the folder cannot be created or written.
        """
        drawn, pending = charts.rendered(drawings(comparison, measured, target), self._renderer)
        written = written_tables(comparison, measured, target)
        texts: dict[str, str | bytes] = {**render.texts(comparison, written, sentences, warnings)}
        figures = {"figures.tex": charts.figures(drawn, render.CHARTS)} if drawn else {}
        html = page.page(comparison, written, drawn, sentences, warnings, command, self._bundle.result())
        texts |= _probes(comparison, measured) | figures | {render.PAGE: html}
        return render.write(texts | charts.images(pending, render.CHARTS), self.folder)


def written_tables(comparison: Comparison, measured: Measured, target: float | None) -> list[tables.Table]:
    """The tables that are not empty, the summary first. For the arguments see `Writer.write`."""
    return tables.present(
        [
            tables.summary(comparison),
            tables.comparisons(comparison),
            robust.table(comparison),
            robust.improvement(comparison),
            tables.pivot(comparison),
            targets.table(comparison, measured.timed, _goal(comparison, target)),
            tables.cost(comparison, measured.timing),
            tables.epochs(comparison, measured.metrics),
        ]
    )


def drawings(comparison: Comparison, measured: Measured, target: float | None) -> Iterator[charts.Drawing]:
    """The charts that are not empty. For the arguments see `Writer.write`."""
    return charts.draw(comparison, measured.metrics, measured.probed, _goal(comparison, target))


def _probes(comparison: Comparison, measured: Measured) -> dict[str, str | bytes]:
    """The file probes.csv: a row per replicate, step, probe, layer and quantity. No file if nothing was probed."""
    who = comparison.replicates[["arm", "run", "seed"]]
    table = who.merge(measured.probed, left_index=True, right_on="row").drop(columns="row")
    return {PROBES_FILE: csv_text(table)} if len(table) else {}


def _goal(comparison: Comparison, target: float | None) -> float:
    return targets.default(comparison) if target is None else target
