"""The charts with a row per arm: final values, gaps, times to a target."""

import math

import altair as alt
import pandas as pd

from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data
from bnlab.report.charts.style import (
    FINAL,
    Drawing,
    arm_axis,
    arm_encoding,
    beside_rows,
    faded,
    finish,
    layer,
    legend,
    only,
    rows,
    tips,
    tooltip,
)
from bnlab.report.comparison import Comparison, unit, words
from bnlab.report.tables import target as targets

SIDES = alt.Scale(domain=[-1, 1])
GAPS = {
    data.BATCH_GAP: "train/eval gap: test with batch statistics - test",
    data.TRAIN_GAP: "generalization gap: training - test",
}
UPPER, LOWER = -0.4, 0.45


def final(every: pd.DataFrame, comparison: Comparison) -> Drawing | None:
    """A dot for each replicate, and below the dots of an arm its mean with the 95 % interval."""
    shown = every.head(chart_arms.MOST_ROWS)
    replicates = data.replicate_points(shown, comparison)
    if replicates.empty:
        return None
    metric, encode = comparison.metric, arm_encoding(shown, beside_rows(shown))
    scale = alt.Scale(zero=False, padding=8)
    dots = _row(replicates, shown, UPPER).mark_point(size=38, filled=True)
    dots = dots.encode(
        x=alt.X("value:Q", title=words(metric), scale=scale),
        **only(encode, "color", "shape"),
        opacity=faded(0.75, 0.08),
        tooltip=[*tips("label:N", "seed:Q"), alt.Tooltip("value:Q", title=words(metric), format=".4~f")],
    )
    means = _row(shown[shown["status"] == ""], shown, LOWER)
    color = only(encode, "color")
    rule = means.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"), **color, opacity=faded(1, 0.1))
    mean = means.mark_tick(thickness=3, size=11).encode(
        x=alt.X("mean:Q"), **color, opacity=faded(1, 0.1), tooltip=tooltip(metric, "n")
    )
    return finish(
        f"{FINAL}{metric}",
        f"{words(metric)} after training",
        layer(dots, rule, mean, *_without(shown)),
        "points: replicates; below them mean and 95 % interval",
        chart_arms.chosen(shown, every),
        first_dots(comparison),
        height=rows(len(shown), 34),
    )


def gap(every: pd.DataFrame, comparison: Comparison) -> Drawing | None:
    """Two gaps of each replicate: between batch and running statistics, and between training and test images."""
    shown = every.head(chart_arms.MOST_ROWS)
    points = data.gap_points(shown, comparison)
    if points.empty:
        return None
    kinds = {data.BATCH_GAP: UPPER, data.TRAIN_GAP: LOWER}
    points["offset"] = points["kind"].map(kinds)
    names = [kind for kind in kinds if kind in set(points["kind"])]
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=names, range=["circle", "triangle-up"][: len(names)]),
        legend=legend(names, beside_rows(shown), symbolStrokeColor="#333333"),
    )
    dots = _row(points, shown).mark_point(size=40, strokeWidth=1.5)
    dots = dots.encode(
        x=alt.X("value:Q", title=f"difference ({unit(comparison.metric).gap})", scale=alt.Scale(zero=True, padding=8)),
        **only(arm_encoding(shown, beside_rows(shown)), "color"),
        shape=shape,
        opacity=faded(0.8, 0.08),
        tooltip=[*tips("label:N", "kind:N", "seed:Q"), alt.Tooltip("value:Q", format=".3~f")],
    )
    zero = (
        alt.Chart(pd.DataFrame({"value": [0.0]}))
        .mark_rule(strokeDash=[4, 3], color="#777777")
        .encode(x=alt.X("value:Q"))
    )
    return finish(
        "gap",
        "train/eval and generalization gap",
        layer(dots, zero, *_without(shown)),
        *(GAPS[name] for name in names),
        chart_arms.chosen(shown, every),
        first_dots(comparison),
        height=rows(len(shown), 40),
    )


def time_to_target(every: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, target: float) -> Drawing | None:
    """When the replicates of each arm first reached the target; a cross at the end for those that never did."""
    shown = every.head(chart_arms.MOST_ROWS)
    points = data.reach_points(shown, comparison, curves, target)
    if points.empty or math.isnan(target):
        return None
    names = [data.REACHED, data.NEVER]
    dots = _row(points, shown).mark_point(filled=True, strokeWidth=0)
    dots = dots.encode(
        x=alt.X(
            "time:Q",
            title=f"{targets.clock(curves)} at the target",
            axis=alt.Axis(tickMinStep=1),
            scale=alt.Scale(domainMin=0, domainMax=1.04 * float(points["time"].max()), nice=False),
        ),
        **only(arm_encoding(shown, beside_rows(shown)), "color"),
        shape=alt.Shape(
            "reached:N",
            scale=alt.Scale(domain=names, range=["circle", "cross"]),
            legend=legend(names, beside_rows(shown)),
        ),
        size=alt.Size("replicates:Q", scale=alt.Scale(domain=[0, 8], range=[20, 130], clamp=True), legend=None),
        opacity=faded(0.85, 0.08),
        tooltip=tips("label:N", "time:Q", "reached:N", "replicates:Q"),
    )
    missing = chart_arms.without(shown, points)
    goal = f"{data.in_unit(comparison.metric, target):.4g}"
    return finish(
        "time-to-target",
        f"time to {words(comparison.metric)} of {goal}",
        layer(dots, *_without(missing, shown)),
        chart_arms.chosen(shown, every),
        "large points: many replicates",
        height=rows(len(shown), 34),
    )


def first_dots(comparison: Comparison) -> str:
    """A remark on which replicates have a dot; empty if all have."""
    crowded = bool((comparison.summary["n"] > data.MOST_DOTS).any())
    return f"dots: the first {data.MOST_DOTS} replicates of an arm" if crowded else ""


def _row(points: pd.DataFrame, shown: pd.DataFrame, offset: float | None = None) -> alt.Chart:
    """A chart with the points in the rows of their arms; `offset` from the middle, or None: the column of that name."""
    placed = points if offset is None else points.assign(offset=offset)
    y = alt.Y("label:N", title=None, sort=shown["label"].tolist(), axis=arm_axis(shown))
    return alt.Chart(placed).encode(y=y, yOffset=alt.YOffset("offset:Q", scale=SIDES))


def _without(missing: pd.DataFrame, shown: pd.DataFrame | None = None) -> list[alt.Chart]:
    """A text in the row of each arm that has nothing to show, with the reason: "diverged"."""
    reasons = missing[missing["status"] != ""]
    if reasons.empty:
        return []
    text = _row(reasons, missing if shown is None else shown, 0.0).mark_text(align="left", color="#555555")
    return [text.encode(x=alt.value(6), text=alt.Text("status:N"))]
