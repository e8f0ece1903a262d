"""The charts: one Altair definition each, drawn as PNG, SVG and PDF, and interactive inside report.html."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert

from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data, png
from bnlab.report.charts.heat import heat_map
from bnlab.report.charts.lines import against_setting, learning_curves
from bnlab.report.charts.rows import final, gap, time_to_target
from bnlab.report.charts.style import CURVES, Drawing
from bnlab.report.comparison import Comparison, telling_keys


def draw(comparison: Comparison, curves: pd.DataFrame, target: float) -> list[Drawing]:
    """The charts for which the runs have something to show; each says which arms it leaves out."""
    arms = chart_arms.arms(comparison)
    keys = telling_keys(comparison)
    drawings = [learning_curves(arms, comparison, curves, metric) for metric in data.curve_metrics(comparison, curves)]
    drawings += [final(arms, comparison)]
    drawings += [against_setting(arms, comparison, key) for key in data.numeric_keys(arms, keys)]
    drawings += [heat_map(comparison, *keys)] if len(keys) == 2 else []
    drawings += [gap(arms, comparison), time_to_target(arms, comparison, curves, target)]
    return [drawing for drawing in drawings if drawing is not None]


def images(drawings: Sequence[Drawing], folder: str) -> dict[str, str | bytes]:
    """NAME.svg, .png (at twice the resolution) and .pdf in the folder."""
    files: dict[str, str | bytes] = {}
    curves = [drawing.name for drawing in drawings if drawing.name.startswith(CURVES)]
    for drawing in drawings:
        # The other metrics' curves are one click away in report.html.
        if drawing.name in curves[1:]:
            continue
        svg = vl_convert.vegalite_to_svg(drawing.specification, vl_version=version())
        files[f"{folder}/{drawing.name}.svg"] = svg
        files[f"{folder}/{drawing.name}.png"] = png.packed(vl_convert.svg_to_png(svg, scale=2))
        files[f"{folder}/{drawing.name}.pdf"] = vl_convert.svg_to_pdf(svg)
    return files


def version() -> str:
    """The version of Vega-Lite that Altair writes, as vl-convert calls it: "v6.1"."""
    return ".".join(alt.SCHEMA_VERSION.split(".")[:2])
