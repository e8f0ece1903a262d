"""Charts of what probes measured: one per quantity, with a line per arm; in report.html the layer can be chosen."""

import altair as alt
import pandas as pd

from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data
from bnlab.report.charts.style import PROBES, Drawing, arm_encoding, faded, finish, layer, only, tips
from bnlab.report.comparison import Comparison

LAYER = "layer"


def of_probes(every: pd.DataFrame, comparison: Comparison, probed: pd.DataFrame) -> list[Drawing]:
    """A chart per quantity: means over the seeds that finished, by step. Until another is chosen, of the last layer."""
    shown = chart_arms.lines(every)
    points = data.probe_points(shown, comparison, probed)
    if points.empty:
        return []
    names = points[["probe", "quantity"]].drop_duplicates().to_numpy().tolist()
    of_each = points.set_index(["probe", "quantity"]).sort_index()
    return [
        _quantity(
            every,
            shown,
            of_each.loc[[(probe, name)]].reset_index(),
            f"{probe}-{name}",
            f"{name.replace('_', ' ')} ({probe})",
        )
        for probe, name in names
    ]


def _quantity(every: pd.DataFrame, shown: pd.DataFrame, points: pd.DataFrame, name: str, title: str) -> Drawing:
    layers = points[LAYER].drop_duplicates().tolist()
    choice = alt.binding_select(options=layers, name="layer: ")
    chosen = alt.param(name="chosenLayer", value=layers[-1], bind=choice)
    encode = arm_encoding(shown)
    base = alt.Chart(points).transform_filter(f"datum.{LAYER} == chosenLayer")
    x = alt.X("step:Q", title="steps done", scale=alt.Scale(nice=False, zero=False, padding=8))
    y = alt.Y("mean:Q", title=title, scale=alt.Scale(zero=False, padding=8))
    line = base.mark_line(strokeWidth=2).encode(
        x=x, y=y, **only(encode, "color", "detail", "strokeDash"), opacity=faded(1, 0.1)
    )
    dots = base.mark_point(filled=True).encode(
        x=x,
        y=y,
        **only(encode, "color", "shape", "detail"),
        size=alt.SizeValue(30),
        opacity=faded(1, 0.1),
        tooltip=tips("label:N", f"{LAYER}:N", "step:Q", "mean:Q", "n:Q"),
    )
    missing = chart_arms.without(shown, points).assign(status="not probed")
    said = f"layer {layers[-1]}", chart_arms.chosen(shown, every), chart_arms.absent(missing)
    return finish(f"{PROBES}{name}", f"{title} by step, mean over seeds", layer(line, dots).add_params(chosen), *said)
