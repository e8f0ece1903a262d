"""The published curves number by number beside ours: each point, and how far apart the arms are there and here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bnlab import stats
from bnlab.studies.charting import heights
from bnlab.studies.design import Published
from bnlab.studies.judging import Judged


@dataclass(frozen=True)
class Row:
    """One number of the source and ours, in words.

    Attributes:
        at: on the x axis.
        what: which curve, or which arm less which.
        published: with the error of reading it off.
        ours: mean and 95 % interval over the seeds, and how many.
    """

    at: str
    what: str
    published: str
    ours: str


Points = Mapping[float, Mapping[int, float]]
"""Ours by place on the x axis and seed; of those that diverged there are none."""


def rows(judged: Judged) -> list[Row]:
    """Of every published curve that is held against an arm, where ours has a value; then of each two arms."""
    curves = [each for each in judged.trained.plan.study.published if each.arm is not None]
    ours = {each.label: _ours(judged, each) for each in curves}
    return [
        *(row for each in curves for row in _of_curve(judged, each, ours[each.label])),
        *(
            row
            for first, second in itertools.combinations(curves, 2)
            for row in _of_two(judged, first, second, ours[first.label], ours[second.label])
        ),
    ]


def _ours(judged: Judged, curve: Published) -> Points:
    axes = judged.trained.plan.study.chart
    points: dict[float, dict[int, float]] = {}
    for cell, replicates in judged.measured.items():
        at = dict(cell.at)
        if cell.arm != curve.arm or any(at[key] != value for key, value in curve.at.items()):
            continue
        for seed, replicate in enumerate(replicates):
            if not replicate.diverged:
                for x, y in heights(axes, at.get(axes.x), replicate).items():
                    points.setdefault(x, {})[seed] = y
    return points


def _of_curve(judged: Judged, curve: Published, ours: Points) -> Iterator[Row]:
    unit = judged.trained.plan.study.chart.y.unit
    for x, y in zip(curve.x, curve.y, strict=True):
        if x in ours:
            published = _with_error(unit.number(y), unit.number(curve.error), curve.error)
            yield Row(f"{x:g}", f"{curve.arm}: {curve.label}", published, _summary(judged, list(ours[x].values()), ""))


def _of_two(judged: Judged, first: Published, second: Published, ours: Points, theirs: Points) -> Iterator[Row]:
    unit = judged.trained.plan.study.chart.y.unit
    there, error = dict(zip(second.x, second.y, strict=True)), first.error + second.error
    for x, y in zip(first.x, first.y, strict=True):
        if x in there and x in ours and x in theirs:
            pairs = [theirs[x][seed] - ours[x][seed] for seed in ours[x].keys() & theirs[x].keys()]
            published = _with_error(unit.number(there[x] - y, "+"), unit.number(error), error)
            yield Row(f"{x:g}", f"{second.arm} less {first.arm}", published, _summary(judged, pairs, "+"))


def _with_error(value: str, size: str, error: float) -> str:
    return f"{value} ± {size}" if error else value


def _summary(judged: Judged, values: list[float], sign: str) -> str:
    number = judged.trained.plan.study.chart.y.unit.number
    n, mean, _, (low, high) = stats.summarize(values)
    interval = f" [{number(low, sign)}, {number(high, sign)}]" if n > 1 else ""
    return f"{number(mean, sign)}{interval}, n = {n}"
