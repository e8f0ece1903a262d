"""Everything that a report writes."""

from collections.abc import Sequence

from bnlab.report import charts, curves, html, render, tables
from bnlab.report import target as targets
from bnlab.report.compare import Comparison


def contents(
    comparison: Comparison, verdicts: Sequence[str], warnings: Sequence[str], target: float | None
) -> dict[str, str | bytes]:
    """The files of a report by name: tables, charts, and report.html.

    Args:
        comparison: from `compare`.
        verdicts: from `verdicts`.
        warnings: what was left out.
        target: of the time to reach it, in the metric's own unit; None: `target.default`.
    """
    metrics, no_metrics = curves.read_metrics(comparison.replicates)
    timing, no_timing = curves.read_timing(comparison.replicates)
    warnings = [*warnings, *no_metrics, *no_timing]
    timed = metrics.merge(timing[["row", "step", "seconds"]], how="left", on=["row", "step"])
    goal = targets.default(comparison) if target is None else target
    written = tables.present(
        [
            tables.summary(comparison),
            tables.comparisons(comparison),
            tables.pivot(comparison),
            targets.table(comparison, timed, goal),
            tables.cost(comparison, timing),
            tables.epochs(comparison, metrics),
        ]
    )
    texts = render.texts(comparison, written, verdicts, warnings)
    drawn = charts.draw(comparison, metrics, goal)
    page = html.page(comparison, written, drawn, verdicts, warnings)
    return texts | {"report.html": page} | charts.images(drawn, render.CHARTS)
