"""The files of a report: their names and contents."""

from collections.abc import Sequence

from bnlab.report import charts, page, tables
from bnlab.report.comparison import Comparison, Measured
from bnlab.report.csv_text import csv_text
from bnlab.report.tables import render, robust
from bnlab.report.tables import target as targets
from bnlab.store import PROBES_FILE


def contents(
    comparison: Comparison,
    measured: Measured,
    sentences: Sequence[str],
    warnings: Sequence[str],
    target: float | None,
    command: str,
) -> dict[str, str | bytes]:
    """The files of a report by name: tables, charts, and report.html.

    Args:
        comparison: from `compare`.
        measured: from `curves.read`.
        sentences: the sentences of the verdicts.
        warnings: what was left out, a line each.
        target: the value of the metric whose first reach is timed, in the metric's own unit (accuracies are fractions);
            None: `target.default`.
        command: the command line that makes this report.
    """
    written, drawn = written_tables(comparison, measured, target), drawings(comparison, measured, target)
    texts: dict[str, str | bytes] = {**render.texts(comparison, written, sentences, warnings)}
    html = page.page(comparison, written, drawn, sentences, warnings, command)
    figures = {"figures.tex": charts.figures(drawn, render.CHARTS)} if drawn else {}
    texts |= _probes(comparison, measured)
    return texts | figures | {render.PAGE: html} | charts.images(drawn, render.CHARTS)


def written_tables(comparison: Comparison, measured: Measured, target: float | None) -> list[tables.Table]:
    """The tables that are not empty, the summary first. For the arguments see `contents`."""
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


def drawings(comparison: Comparison, measured: Measured, target: float | None) -> list[charts.Drawing]:
    """The charts that are not empty. For the arguments see `contents`."""
    return charts.draw(comparison, measured.metrics, measured.probed, _goal(comparison, target))


def _probes(comparison: Comparison, measured: Measured) -> dict[str, str | bytes]:
    """The file probes.csv: a row per replicate, step, probe, layer and quantity. No file if nothing was probed."""
    who = comparison.replicates[["arm", "run", "seed"]]
    table = who.merge(measured.probed, left_index=True, right_on="row").drop(columns="row")
    return {PROBES_FILE: csv_text(table)} if len(table) else {}


def _goal(comparison: Comparison, target: float | None) -> float:
    return targets.default(comparison) if target is None else target
