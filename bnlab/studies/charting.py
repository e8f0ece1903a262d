"""Draws a study's chart: its arms on the axes of the source's figure, and the published curves over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from bnlab import stats
from bnlab.config import setting_words
from bnlab.report import charts
from bnlab.studies.design import AXES, SHIFTS, Cell, Chart, Study
from bnlab.studies.judging import Judged
from bnlab.studies.metrics import Final, Reading

AXIS = "60"
"""Width in pixels that the legend leaves for the y axis, as `charts.legend` takes it."""


def chart(judged: Judged) -> charts.Drawing:
    """Draws means over the seeds that finished, with 95 % t intervals; the subtitle counts diverged seeds."""
    study = judged.trained.plan.study
    points = pd.DataFrame(list(_points(study, judged.measured)))
    x = alt.X(
        "x:Q",
        title=study.chart.x if study.chart.x in AXES else setting_words.title(study.chart.x),
        scale=alt.Scale(type="log" if study.chart.log else "linear", zero=False, nice=False, padding=12),
    )
    of = study.chart.y
    title = f"{of} ({of.unit.value})"
    labels = list(dict.fromkeys(points["label"]))
    marks = charts.of_arms(labels)
    legend = charts.legend(labels, AXIS)
    colors = alt.Scale(domain=labels, range=[marks[label].color for label in labels])
    shapes = alt.Scale(domain=labels, range=[marks[label].shape for label in labels])
    color, shape = alt.Color("label:N", scale=colors, legend=legend), alt.Shape("label:N", scale=shapes, legend=legend)
    y = alt.Y("mean:Q", title=title, scale=alt.Scale(zero=False, padding=8))
    base = alt.Chart(points).encode(x=x, color=color)
    layers = [
        base.mark_area(opacity=0.12).encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high:Q")),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(filled=True, size=28, opacity=1).encode(y=y, shape=shape),
        *_published(study, x, title, {label: mark.color for label, mark in marks.items()}),
    ]
    text = alt.TitleParams(f"{title} by {setting_words.name(study.chart.x)}, mean and 95 % interval")
    dashed = "; ".join(each.label for each in study.published)
    subtitle = "; ".join([*_left_out(judged.measured), *([f"dashed: {dashed}"] if dashed else [])])
    if subtitle:
        text.subtitle = subtitle
    finished = charts.layer(*layers).properties(title=text, width=charts.WIDTH, height=charts.HEIGHT)
    return charts.Drawing(study.name, str(text.text), subtitle, finished)


def _points(study: Study, measured: Mapping[Cell, Sequence[Reading]]) -> Iterator[dict[str, Any]]:
    for cell, replicates in measured.items():
        at = dict(cell.at)
        along = at.pop(study.chart.x, None)
        label = str(Cell(cell.arm, tuple(at.items())))
        done = [replicate for replicate in replicates if not replicate.diverged]
        for place, values in _values(study.chart, along, done).items():
            n, mean, _, (low, high) = stats.summarize(values)
            known = {"low": low, "high": high} if n > 1 else {"low": mean, "high": mean}
            yield {"label": label, "x": place, "mean": mean, **known}


def _values(axes: Chart, along: str | None, replicates: Sequence[Reading]) -> dict[float, list[float]]:
    """For each x the values of the seeds; see `heights` for the arguments."""
    values: dict[float, list[float]] = {}
    for replicate in replicates:
        for place, value in heights(axes, along, replicate).items():
            values.setdefault(place, []).append(value)
    return values


def heights(axes: Chart, along: str | None, replicate: Reading) -> dict[float, float]:
    """The curve of a replicate on a study's axes, y by x, in the units of the chart.

    Args:
        axes: the axes.
        along: the replicate's value of the swept setting on the x axis; None if x is no swept setting.
        replicate: its stored results.
    """
    if along is not None:
        return {float(along): Final(axes.y).measure(replicate)}
    if axes.x in SHIFTS:
        by_strength = {1.0: replicate.final, **_by_strength(axes.x, replicate)}
        return {strength: axes.y.scaled(scores[axes.y.name]) for strength, scores in by_strength.items()}
    epochs = {row.step: row.epoch for row in replicate.scores}
    return {epochs[step] if axes.x == "epoch" else float(step): value for step, value in axes.y.curve(replicate)}


def _by_strength(kind: str, replicate: Reading) -> dict[float, Mapping[str, float]]:
    """A replicate's scores on test images with only this kind of change, by the change's strength."""
    alone = {shifts[0].partition("="): scores for shifts, scores in replicate.shifted.items() if len(shifts) == 1}
    return {float(strength): scores for (name, _, strength), scores in alone.items() if name == kind}


def _published(study: Study, x: alt.X, title: str, colors: Mapping[str, str]) -> Iterator[alt.Chart]:
    """The source's curves, dashed: in the colour of the arm that each is compared with, or else in black."""
    for each in study.published:
        ours = str(Cell(each.arm, tuple(each.at.items()))) if each.arm is not None else ""
        color = colors.get(ours, charts.BLACK)
        table = pd.DataFrame({"x": each.x, "y": each.y})
        table = table.assign(low=table["y"] - each.error, high=table["y"] + each.error)
        base = alt.Chart(table).encode(x=x)
        y = alt.Y("y:Q", title=title)
        yield base.mark_line(color=color, strokeDash=[6, 3]).encode(y=y)
        yield base.mark_point(color=color, filled=True, size=16).encode(y=y)
        if each.error:
            yield base.mark_rule(color=color).encode(y=alt.Y("low:Q", title=title), y2=alt.Y2("high:Q"))


def _left_out(measured: Mapping[Cell, Sequence[Reading]]) -> Iterator[str]:
    for cell, replicates in measured.items():
        diverged = sum(replicate.diverged for replicate in replicates)
        if diverged:
            yield f"not drawn: {diverged} of {len(replicates)} seeds of {cell} diverged"
