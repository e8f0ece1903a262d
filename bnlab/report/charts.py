"""The charts: one Altair definition each, drawn as PNG, SVG and PDF, and interactive inside report.html."""

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert

from bnlab.report import chart_data as data
from bnlab.report.chart_style import (
    CURVES,
    MOST_ARMS,
    MOST_TICKS,
    Drawing,
    arm_encoding,
    chosen,
    faded,
    finish,
    layer,
    only,
    rows,
    tooltip,
)
from bnlab.report.compare import Comparison
from bnlab.report.names import telling_keys
from bnlab.report.units import words


def draw(comparison: Comparison, curves: pd.DataFrame, target: float) -> list[Drawing]:
    """The charts for which the runs have something to show; none shows more than 60 arms, best first."""
    shown = data.arms(comparison).head(MOST_ARMS)
    lines = data.lines(shown)
    keys = telling_keys(comparison)
    drawings = [learning_curves(lines, comparison, curves, metric) for metric in data.curve_metrics(comparison, curves)]
    drawings += [final(shown, comparison)]
    drawings += [against_setting(shown, comparison, key) for key in data.numeric_keys(shown, keys)]
    drawings += [heat_map(comparison, *keys)] if len(keys) == 2 else []
    drawings += [gap(shown, comparison), time_to_target(shown, comparison, curves, target)]
    return [drawing for drawing in drawings if drawing is not None]


def images(drawings: Sequence[Drawing], folder: str) -> dict[str, str | bytes]:
    """NAME.svg, .png (at twice the resolution) and .pdf in the folder."""
    files: dict[str, str | bytes] = {}
    curves = [drawing.name for drawing in drawings if drawing.name.startswith(CURVES)]
    for drawing in drawings:
        # The other metrics' curves are one click away in report.html.
        if drawing.name in curves[1:]:
            continue
        svg = vl_convert.vegalite_to_svg(drawing.specification(), vl_version=version())
        files[f"{folder}/{drawing.name}.svg"] = svg
        files[f"{folder}/{drawing.name}.png"] = vl_convert.svg_to_png(svg, scale=2)
        files[f"{folder}/{drawing.name}.pdf"] = vl_convert.svg_to_pdf(svg)
    return files


def version() -> str:
    """The version of Vega-Lite that Altair writes, as vl-convert calls it: "v6.1"."""
    return ".".join(alt.SCHEMA_VERSION.split(".")[:2])


def learning_curves(shown: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, metric: str) -> Drawing | None:
    """Means with their 95 % bands over the epochs."""
    points = data.curve_points(shown, comparison, curves, metric)
    if points.empty:
        return None
    encode = arm_encoding(shown)
    base = alt.Chart(points).encode(x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1)))
    y = alt.Y("mean:Q", title=words(metric), scale=alt.Scale(zero=False, padding=8))
    low_high = {"y": alt.Y("low:Q", title=words(metric)), "y2": "high:Q"}
    band = base.mark_area(opacity=0.15).encode(**low_high, **only(encode, "color", "detail"), opacity=faded(0.15, 0.02))
    line = base.mark_line(strokeWidth=2).encode(y=y, **encode, opacity=faded(1, 0.1))
    dots = base.mark_point(size=30, filled=True).encode(
        y=y, **only(encode, "color", "detail"), opacity=faded(1, 0.1), tooltip=tooltip(metric, "epoch", "step", "n")
    )
    title = f"{words(metric)} by epoch, mean and 95 % interval"
    return finish(f"{CURVES}{metric}", title, layer(band, line, dots), subtitle=chosen(shown, comparison, dots=False))


def final(shown: pd.DataFrame, comparison: Comparison) -> Drawing | None:
    """Every replicate's dot, and per arm the mean with its 95 % interval."""
    replicates = data.replicate_points(shown, comparison)
    if replicates.empty:
        return None
    metric = comparison.metric
    y = alt.Y("label:N", title=None, sort=shown["label"].tolist())
    x_title = alt.X("value:Q", title=words(metric), scale=alt.Scale(zero=False, padding=8))
    color = arm_encoding(shown, legend=False)["color"]
    dots = (
        alt.Chart(replicates)
        .mark_circle(size=45)
        .encode(
            y=y,
            x=x_title,
            color=color,
            opacity=alt.value(0.45),
            tooltip=["label:N", "seed:Q", alt.Tooltip("value:Q", title=words(metric), format=".4~f")],
        )
    )
    means = alt.Chart(shown.dropna(subset=["mean"]))
    rule = means.mark_rule(strokeWidth=2).encode(y=y, x=alt.X("low:Q", title=words(metric)), x2="high:Q")
    tick = means.mark_tick(thickness=3, size=16, color="black").encode(
        y=y, x=alt.X("mean:Q", title=words(metric)), tooltip=tooltip(metric, "n")
    )
    title = f"{words(metric)} at the end: replicates, mean and 95 % interval"
    return finish(
        f"final-{metric}",
        title,
        layer(dots, rule, tick),
        legend=False,
        subtitle=chosen(shown, comparison),
        height=rows(shown),
    )


def against_setting(shown: pd.DataFrame, comparison: Comparison, key: str) -> Drawing:
    """The mean with its 95 % band against a numeric setting, a line for what else makes the arms."""
    points = data.setting_points(shown, comparison, key)
    values = points["setting"]
    log = bool((values > 0).all() and values.max() >= 10 * values.min())
    scale = alt.Scale(type="log" if log else "linear", zero=False, nice=False, padding=12)
    ticks = sorted(values.unique()) if values.nunique() <= MOST_TICKS else alt.Undefined
    axis = alt.Axis(format="~g" if values.min() >= 1e-3 else "~e", values=ticks)
    x = alt.X("setting:Q", title=data.setting_words(key), scale=scale, axis=axis)
    metric = comparison.metric
    encode = arm_encoding(points)
    base = alt.Chart(points).encode(x=x)
    band = base.mark_area(opacity=0.15).encode(
        y=alt.Y("low:Q", title=words(metric), scale=alt.Scale(zero=False, padding=8)),
        y2="high:Q",
        **only(encode, "color", "detail"),
        opacity=faded(0.15, 0.02),
    )
    y = alt.Y("mean:Q", title=words(metric), scale=alt.Scale(zero=False, padding=8))
    line = base.mark_line(strokeWidth=2).encode(y=y, **encode, opacity=faded(1, 0.1))
    dots = base.mark_point(size=45, filled=True).encode(
        y=y, **only(encode, "color", "detail"), opacity=faded(1, 0.1), tooltip=tooltip(metric, "n")
    )
    title = f"{words(metric)} by {data.setting_words(key)}"
    return finish(f"by-{key}", title, layer(band, line, dots))


def heat_map(comparison: Comparison, down: str, across: str) -> Drawing | None:
    """The mean at every pair of two settings."""
    cells = data.heat_cells(comparison, down, across)
    if cells.empty:
        return None
    order = {key: data.in_order(cells[key]) for key in ("down", "across")}
    base = alt.Chart(cells).encode(
        x=alt.X("across:N", title=data.setting_words(across), sort=order["across"], axis=alt.Axis(labelAngle=0)),
        y=alt.Y("down:N", title=data.setting_words(down), sort=order["down"]),
    )
    metric = words(comparison.metric)
    # Cividis is told apart by every kind of colour vision.
    squares = base.mark_rect().encode(
        color=alt.Color("mean:Q", title=metric, scale=alt.Scale(scheme="cividis"), legend=None),
        tooltip=["down:N", "across:N", "n:Q", alt.Tooltip("mean:Q", title=metric, format=".4~f")],
    )
    middle = (cells["mean"].min() + cells["mean"].max()) / 2
    text = base.mark_text(fontSize=12).encode(
        text="text:N", color=alt.condition(f"datum.mean > {middle}", alt.value("black"), alt.value("white"))
    )
    height = max(120, 34 * len(order["down"]))
    return finish(f"heat-{down}-{across}", f"{metric}: means", layer(squares, text), legend=False, height=height)


def gap(shown: pd.DataFrame, comparison: Comparison) -> Drawing | None:
    """What evaluation mode and unseen images cost: two gaps per arm, with every replicate."""
    points = data.gap_points(shown, comparison)
    if points.empty:
        return None
    y = alt.Y("label:N", title=None, sort=shown["label"].tolist())
    unit = words(comparison.metric).rpartition("(")[2].rstrip(")").replace("%", "points")
    x = alt.X("value:Q", title=f"difference ({unit})", scale=alt.Scale(zero=True, padding=8))
    shape = alt.Shape("kind:N", title=None, legend=alt.Legend(orient="top", columns=1, symbolStrokeColor="#333333"))
    encode = {"color": arm_encoding(shown, legend=False)["color"], "shape": shape}
    offset = alt.YOffset("kind:N")
    dots = (
        alt.Chart(points)
        .mark_point(size=40, opacity=0.6)
        .encode(
            y=y,
            yOffset=offset,
            x=x,
            **encode,
            tooltip=["label:N", "kind:N", "seed:Q", alt.Tooltip("value:Q", format=".3~f")],
        )
    )
    zero = alt.Chart(pd.DataFrame({"value": [0.0]})).mark_rule(strokeDash=[4, 3], color="#777777").encode(x="value:Q")
    return finish(
        "gap",
        "train/eval and generalization gap",
        layer(zero, dots),
        legend=False,
        subtitle=chosen(shown, comparison),
        height=max(140, 44 * len(shown)),
    )


def time_to_target(shown: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, target: float) -> Drawing | None:
    """Every replicate's first evaluation at the target; a cross at the end for one that never reached it."""
    points = data.reach_points(shown, comparison, curves, target)
    if points.empty or math.isnan(target):
        return None
    y = alt.Y("label:N", title=None, sort=shown["label"].tolist())
    shape = alt.Scale(domain=[data.REACHED, data.NEVER], range=["circle", "cross"])
    dots = (
        alt.Chart(points)
        .mark_point(size=45, filled=True, opacity=0.7)
        .encode(
            y=y,
            yOffset="replicate:O",
            x=alt.X(
                "step:Q", title="step of the first evaluation at the target", scale=alt.Scale(zero=True, padding=8)
            ),
            color=arm_encoding(shown, legend=False)["color"],
            shape=alt.Shape("reached:N", title=None, scale=shape),
            tooltip=["label:N", "step:Q", "reached:N"],
        )
    )
    goal = f"{data.in_unit(comparison.metric, target):.4g}"
    return finish(
        "time-to-target",
        f"time to {words(comparison.metric)} of {goal}",
        layer(dots),
        legend=False,
        height=rows(shown),
        subtitle=chosen(shown, comparison),
    )
