"""report.html: one file that needs no network."""

import functools
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from bnlab.report.charts import CURVES, Drawing, version
from bnlab.report.comparison import ABSENT, Comparison, config_columns, environment_columns, environments, words
from bnlab.report.tables import Table

EMBED = "window.vegaEmbed = vegaEmbed;"


def page(
    comparison: Comparison,
    written: Sequence[Table],
    drawings: Sequence[Drawing],
    verdicts: Sequence[str],
    warnings: Sequence[str],
) -> str:
    """The whole page: verdicts, tables, charts, every run's configuration and environment, and the method."""
    environment = Environment(
        loader=PackageLoader("bnlab.report.page", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    shared, own = settings(comparison.replicates)
    return environment.get_template("page.html").render(
        metric=words(comparison.metric),
        verdicts=verdicts,
        notes=comparison.notes,
        warnings=warnings,
        tables=[(table, table.cells.columns.tolist(), table.cells.to_numpy().tolist()) for table in written],
        charts=[drawing for drawing in drawings if not drawing.name.startswith(CURVES)],
        curves=[drawing for drawing in drawings if drawing.name.startswith(CURVES)],
        specifications=script({drawing.name: untitled(drawing.specification) for drawing in drawings}),
        bundle=bundle(),
        shared=shared,
        own=own,
        environments=environments(comparison.replicates),
    )


@functools.cache
def bundle() -> str:
    """What draws the charts in the page. It takes more than a second to put together, which `--watch` spares itself."""
    script: str = vl_convert.javascript_bundle(EMBED, vl_version=version())
    return script.replace("</script", "<\\/script")


def settings(replicates: pd.DataFrame) -> tuple[list[tuple[str, str]], pd.DataFrame]:
    """Of configuration and environment what all replicates share, and a row per replicate with the rest."""
    names = [*config_columns(replicates), *environment_columns(replicates)]
    table = replicates[names].astype(object).fillna(ABSENT)
    differ = [name for name in names if table[name].nunique() > 1]
    shared = [(name, str(table[name].iloc[0])) for name in names if name not in differ]
    own = replicates[["run", "seed", "state", "error"]].astype(str).join(table[differ])
    return shared, own


def script(value: Any) -> str:
    """JSON for a script element, which no text in it can close."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def untitled(specification: dict[str, Any]) -> dict[str, Any]:
    """The chart without its title, which is the page's."""
    return {name: value for name, value in specification.items() if name != "title"}
