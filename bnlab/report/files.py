"""Everything that a report writes."""

from collections.abc import Sequence

from bnlab.report import charts, page, tables
from bnlab.report.comparison import Comparison, Measured
from bnlab.report.tables import render, robust
from bnlab.report.tables import target as targets


def contents(
    comparison: Comparison,
    measured: Measured,
    verdicts: Sequence[str],
    warnings: Sequence[str],
    target: float | None,
    command: str,
) -> dict[str, str | bytes]:
    """The files of a report by name: tables, charts, and report.html.

    Args:
        comparison: from `compare`.
        measured: from `curves.read`.
        verdicts: from `verdicts`.
        warnings: what was left out.
        target: of the time to reach it, in the metric's own unit; None: `target.default`.
        command: what makes the report.
    """
    metrics, timing = measured.metrics, measured.timing
    goal = targets.default(comparison) if target is None else target
    written = tables.present(
        [
            tables.summary(comparison),
            tables.comparisons(comparison),
            robust.table(comparison),
            robust.improvement(comparison),
            tables.pivot(comparison),
            targets.table(comparison, measured.timed, goal),
            tables.cost(comparison, timing),
            tables.epochs(comparison, metrics),
        ]
    )
    texts = render.texts(comparison, written, verdicts, warnings)
    drawn = charts.draw(comparison, metrics, goal)
    html = page.page(comparison, written, drawn, verdicts, warnings, command)
    figures = {"figures.tex": charts.figures(drawn, render.CHARTS)} if drawn else {}
    return texts | figures | {render.PAGE: html} | charts.images(drawn, render.CHARTS)
