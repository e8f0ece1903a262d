"""Writing report.html: one file that needs no network."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from bnlab.report.charts import CURVES, FINAL, Drawing
from bnlab.report.comparison import ABSENT, Comparison, config_columns, environment_columns, environments, words
from bnlab.report.page import heading
from bnlab.report.page.images import image_noise
from bnlab.report.page.looks import templates
from bnlab.report.tables import Table, folded, told_once


def page(
    comparison: Comparison,
    written: Sequence[Table],
    drawings: Sequence[Drawing],
    sentences: Sequence[str],
    warnings: Sequence[str],
    command: str,
    bundle: str,
) -> str:
    """The whole page: verdicts, tables, charts, every run's configuration and environment, and the method.

    Args:
        comparison: from `compare`.
        written: the tables.
        drawings: the charts.
        sentences: the sentences of the verdicts.
        warnings: what was left out, a line each.
        command: the command line that makes the report.
        bundle: the JavaScript that draws the charts.
    """
    shared, own = settings(comparison.replicates)
    shown = [told_once(table) for table in written]
    others = [drawing for drawing in drawings if not drawing.name.startswith(CURVES)]
    first = [drawing for drawing in others if drawing.name.startswith(FINAL)]
    metric = words(comparison.metric)
    return (
        templates("bnlab.report.page")
        .get_template("page.html")
        .render(
            metric=metric,
            title=heading.title(comparison, metric),
            facts=heading.facts(comparison, command),
            images=image_noise(comparison),
            verdicts=sentences,
            notes=comparison.notes,
            warnings=warnings,
            tables=[(table, *grid(table.cells)) for table in shown],
            first=first,
            charts=[drawing for drawing in others if drawing not in first],
            curves=[drawing for drawing in drawings if drawing.name.startswith(CURVES)],
            specifications=script({drawing.name: drawing.untitled for drawing in drawings}),
            bundle=bundle.replace("</script", "<\\/script"),
            shared=shared,
            own=grid(own),
            environments=environments(comparison.replicates),
        )
    )


def grid(cells: pd.DataFrame) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """A table for the template: the columns' names, their heads split into lines, and the rows."""
    columns = [str(name) for name in cells.columns]
    heads = [folded(name, [str(cell) for cell in cells[name]]) for name in cells.columns]
    return columns, heads, cells.to_numpy().tolist()


def settings(replicates: pd.DataFrame) -> tuple[list[tuple[str, str]], pd.DataFrame]:
    """Configuration and environment: what all replicates share, and a table with a row per replicate for the rest."""
    names = [*config_columns(replicates), *environment_columns(replicates)]
    table = replicates[names].astype(object).fillna(ABSENT)
    differ = [name for name in names if table[name].nunique() > 1]
    shared = [(name, str(table[name].iloc[0])) for name in names if name not in differ]
    own = replicates[["run", "seed", "state", "error"]].astype(str).join(table[differ])
    return shared, own


def script(value: Any) -> str:
    """A value as JSON for a script element, escaped so that no text in it can end the element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
