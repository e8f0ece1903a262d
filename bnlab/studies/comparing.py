"""Compares published curves with ours, number by number: each point, and the differences between arms."""

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
    """One number of the source, and ours, as text.

    Attributes:
        at: the place on the x axis.
        what: the curve, or the two arms whose difference it is.
        published: the source's number, with the error of reading it from a figure.
        ours: our mean over the seeds, its 95 % interval, and the number of seeds.
    """

    at: str
    what: str
    published: str
    ours: str


Points = Mapping[float, Mapping[int, float]]
"""Our values by place on the x axis and by seed, without diverged seeds."""


def rows(judged: Judged) -> list[Row]:
    """A row for each published point that has a value of ours at the same x; then the differences of each two arms.

    Only published curves that name an arm are compared.
    """
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
