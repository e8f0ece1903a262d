"""The charts with a line per arm: learning curves, and the metric against a setting."""

import math
from collections.abc import Mapping

import altair as alt
import pandas as pd

from bnlab.config import setting_words
from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data
from bnlab.report.charts.style import CURVES, Drawing, arm_encoding, faded, finish, layer, only, tips, tooltip
from bnlab.report.comparison import Comparison, unit, words
from bnlab.report.tables import robust

MOST_TICKS = 12
MARK, SMALL = 45, 8


def learning_curves(every: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, metric: str) -> Drawing | None:
    """The chart of means with 95 % bands by epoch. None if there is no curve.

    Args:
        every: from `arms.arms`.
        comparison: from `compare`.
        curves: the metrics of `curves.read`.
        metric: one of `data.curve_metrics`.
    """
    trained = every[every["status"] == ""]
    shown = chart_arms.lines(trained)
    points = data.curve_points(shown, comparison, curves, metric)
    if points.empty:
        return None
    first, last = math.ceil(points["epoch"].min()), int(points["epoch"].max())
    axis = _axis(list(range(first, last + 1)), "~g", step=1)
    scale = alt.Scale(nice=False, zero=False, padding=8)
    x = alt.X("epoch:Q", title="epoch", axis=axis, scale=scale)
    title = f"{words(metric)} by epoch, mean and 95 % interval"
    missing = pd.concat([chart_arms.without(shown, points), every[every["status"] != ""]])
    said = chart_arms.chosen(shown, trained), chart_arms.absent(missing)
    marks = _lines(
        points,
        arm_encoding(shown),
        x,
        metric,
        size=alt.SizeValue(SMALL, condition={"test": "datum.mark", "value": MARK}),
    )
    return finish(f"{CURVES}{metric}", title, layer(*marks), *said)


def against_setting(every: pd.DataFrame, comparison: Comparison, key: str) -> Drawing:
    """The mean with its 95 % band against a numeric setting, with a line for each combination of the other settings."""
    points = data.setting_points(every, comparison, key)
    all_lines = points.drop_duplicates("label")
    shown = chart_arms.lines(all_lines)
    points = points[points["label"].isin(shown["label"])]
    values = points["setting"]
    log = bool((values > 0).all() and values.max() >= 10 * values.min())
    scale = alt.Scale(type="log" if log else "linear", zero=alt.Undefined if log else False, nice=False, padding=12)
    axis = _axis(sorted(values.unique()), "~g" if values.min() >= 1e-3 else "~e", log=log)
    x = alt.X("setting:Q", title=setting_words.title(key), scale=scale, axis=axis)
    metric, encode = comparison.metric, arm_encoding(shown)
    marks = _lines(points[points["status"] == ""], encode, x, metric, size=alt.SizeValue(MARK))
    without = points[points["status"] != ""]
    crosses = [_crosses(without, encode, x)] if len(without) else []
    cross = f"cross at the bottom: {' or '.join(sorted(set(without['status'])))}" if crosses else ""
    title = f"{words(metric)} by {setting_words.name(key)}, mean and 95 % interval"
    return finish(f"by-{key}", title, layer(*marks, *crosses), chart_arms.chosen(shown, all_lines, "lines"), cross)


def performance_profile(every: pd.DataFrame, comparison: Comparison) -> Drawing | None:
    """The share of an arm's seeds above each score, with a bootstrap band; diverged seeds are above no score."""
    return _profile("profile", "performance profile", every, every, data.arm_strata(comparison), comparison.metric)


def profile_over_data(every: pd.DataFrame, comparison: Comparison) -> Drawing | None:
    """The performance profile over all data sets; the bootstrap resamples seeds within each. None for one data set."""
    grouped = chart_arms.over_data(every, comparison)
    scores = {group.arm: list(group.strata.values()) for group in robust.groups(comparison)}
    count = max(map(len, scores.values()), default=0)
    what = f"performance profile over {count} data sets"
    return _profile("profile-over-data", what, grouped, grouped[grouped["status"] == ""], scores, comparison.metric)


def _profile(
    name: str, what: str, every: pd.DataFrame, drawable: pd.DataFrame, scores: Mapping[str, data.Strata], metric: str
) -> Drawing | None:
    """A line with its band for each arm that can be drawn; None if there is none."""
    shown = chart_arms.lines(drawable)
    points = data.profile_points(shown, scores, metric)
    if points.empty:
        return None
    beyond = "above" if unit(metric).higher else "below"
    encode = arm_encoding(shown)
    scale = alt.Scale(nice=False, zero=False, padding=8)
    base = alt.Chart(points).encode(x=alt.X("threshold:Q", title=words(metric), scale=scale))
    share = f"seeds {beyond} (%)"
    band = base.mark_area(interpolate="step").encode(
        y=alt.Y("low:Q", title=share),
        y2=alt.Y2("high:Q"),
        **only(encode, "color", "detail"),
        opacity=faded(0.12, 0.02),
    )
    line = base.mark_line(strokeWidth=2, interpolate="step").encode(
        y=alt.Y("share:Q", title=share),
        **only(encode, "color", "detail", "strokeDash"),
        opacity=faded(1, 0.1),
        tooltip=tips("label:N", "threshold:Q", "share:Q", "low:Q", "high:Q", "n:Q"),
    )
    title = f"{what}: share of seeds {beyond} each {words(metric)}"
    few = chart_arms.without(shown, points).assign(status=f"under {data.FEWEST_OF_A_PROFILE} seeds")
    missing = pd.concat([few, every.drop(index=drawable.index)])
    said = chart_arms.chosen(shown, drawable), chart_arms.absent(missing)
    return finish(f"{name}-{metric}", title, layer(band, line), *said)


def _lines(points: pd.DataFrame, encode: dict[str, object], x: alt.X, metric: str, size: object) -> list[alt.Chart]:
    """The layers of a chart of lines: band, line and points."""
    base = alt.Chart(points).encode(x=x)
    y = alt.Y("mean:Q", title=words(metric), scale=alt.Scale(zero=False, padding=8))
    band = base.mark_area().encode(
        y=alt.Y("low:Q", title=words(metric)),
        y2=alt.Y2("high:Q"),
        **only(encode, "color", "detail"),
        opacity=faded(0.12, 0.02),
    )
    line = base.mark_line(strokeWidth=2).encode(
        y=y, **only(encode, "color", "detail", "strokeDash"), opacity=faded(1, 0.1)
    )
    dots = base.mark_point(filled=True).encode(
        y=y,
        **only(encode, "color", "shape", "detail"),
        size=size,
        opacity=faded(1, 0.1),
        tooltip=tooltip(metric, str(x.shorthand).partition(":")[0], "n"),
    )
    return [band, line, dots]


def _crosses(points: pd.DataFrame, encode: dict[str, object], x: alt.X) -> alt.Chart:
    """Crosses at the bottom for arms without a value, so that their setting is on the axis too."""
    cross = alt.Chart(points).mark_point(shape="cross", size=70, filled=True, angle=45)
    bottom = alt.value({"expr": "height - 8"})
    tip = tips("label:N", "setting:Q", "status:N")
    crosses: alt.Chart = cross.encode(x=x, y=bottom, color=encode["color"], opacity=faded(1, 0.1), tooltip=tip)
    return crosses


def _axis(values: list[float], form: str, *, log: bool = False, step: float = 0) -> alt.Axis:
    """An axis with a tick at each value if they are few, else at round numbers."""
    label = f"format(datum.value, '{form}')"  # with the axis' own format Vega would choose the number of digits
    few = len(values) <= MOST_TICKS
    if few or log:
        ticks = values if few else _round_numbers(values[0], values[-1])
        return alt.Axis(labelExpr=label, values=ticks, tickCount=len(ticks))
    return alt.Axis(labelExpr=label, tickMinStep=step)


def _round_numbers(low: float, high: float) -> list[float]:
    """Round numbers for a log axis: 1, 2 and 5 times powers of ten; over more than three decades powers of ten only."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if math.log10(high / low) > 3 else (1, 2, 5)
    return [float(f"{step}e{power}") for power in powers for step in steps if low <= float(f"{step}e{power}") <= high]
