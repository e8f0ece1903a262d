"""Learning curves as numbers: the area under one, and the time to a target, which some replicates never reach."""

import math
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import pandas as pd

from bnlab.stats.permutation import mean_permutation


class Reach(NamedTuple):
    """When a replicate reached a target; if it did not, the last time that was observed (right-censored)."""

    time: float
    reached: bool


def areas_under_curves(curves: pd.DataFrame, time: str, score: str) -> "pd.Series[float]":
    """The average height of each replicate's curve, in the score's unit, by the column "row", which has the replicate.

    sum((s[i] + s[i-1]) / 2 * (t[i] - t[i-1])) / (t[-1] - t[0]) over its rows, by the trapezoidal rule. NaN with fewer
    than two points or a score that is not finite.
    """
    ordered = curves.sort_values(["row", time])
    before = ordered.groupby("row")[[time, score]].shift()
    width = ordered[time] - before[time]
    parts = ordered[["row"]].assign(area=width * (ordered[score] + before[score]) / 2, width=width)
    parts = parts[width.notna()]  # the first point of each has no area
    by_row = parts.assign(spoiled=~np.isfinite(parts["area"])).groupby("row")
    sums = by_row[["area", "width"]].sum().where(~by_row["spoiled"].any()).reindex(ordered["row"].unique())
    return sums["area"] / sums["width"]


def first_reaches(curves: pd.DataFrame, time: str, score: str, target: float, *, higher: bool = True) -> pd.DataFrame:
    """When each replicate (column "row") first reached the target: columns time and reached, as in `Reach`.

    That is the first time at which its score is at the target or better, by `higher`; if it never is, the last time.
    """
    there = curves[score] >= target if higher else curves[score] <= target
    first = curves[there].groupby("row")[time].min()
    last = curves.groupby("row")[time].max()
    reached = last.index.isin(first.index)
    return pd.DataFrame({"time": first.reindex(last.index).where(reached, last), "reached": reached})


def share_reached(reaches: Sequence[Reach]) -> tuple[list[float], list[float]]:
    """The Kaplan-Meier estimate of the share that has reached the target: ascending times, and the share from each on.

    The share is 1 - product of (1 - d[i] / r[i]) over the times so far, where r[i] replicates were still observed
    without having reached the target, and d[i] of them reached it.

    Source: Kaplan and Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958).
    """
    times: list[float] = []
    shares: list[float] = []
    seen, left = len(reaches), 1.0
    for time, own in groupby(sorted(reaches), key=attrgetter("time")):
        reached = [reach.reached for reach in own]
        left *= 1 - sum(reached) / seen
        seen -= len(reached)
        times.append(time)
        shares.append(1 - left)
    return times, shares


def median_time(reaches: Sequence[Reach]) -> float:
    """The time at which half of the replicates have reached the target; infinite if that was not observed."""
    times, shares = share_reached(reaches)
    return next((time for time, share in zip(times, shares, strict=True) if share >= 0.5 - 1e-12), math.inf)


def restricted_mean(reaches: Sequence[Reach], horizon: float) -> float:
    """The mean of min(time to the target, horizon): the area under the share yet to reach it, up to the horizon.

    It can be compared between arms. A mean over those that reached the target cannot, since it leaves out slow ones.

    Source: Royston and Parmar, Restricted mean survival time, BMC Medical Research Methodology 13 (2013).
    """
    times, shares = share_reached(reaches)
    inside = [(time, share) for time, share in zip(times, shares, strict=True) if time < horizon]
    starts = [0.0, *(time for time, _ in inside)]
    heights = [1.0, *(1 - share for _, share in inside)]
    return float(np.dot(heights, np.diff([*starts, horizon])))


def logrank(first: Sequence[Reach], second: Sequence[Reach]) -> float:
    """Two-sided p of the log-rank test that two arms reach the target equally fast.

    NaN if no replicate reached it, or an arm has fewer than two. It is exact: the test's numerator, observed minus
    expected, is the sum over one arm of the scores d - H(t). d is 1 for a replicate that reached the target, else 0;
    H(t) is the sum of events / at risk up to its time, in both arms together. p is twice the smaller share of the ways
    to divide the scores among the arms that give a sum at least as extreme. So 3 replicates that are all faster than 3
    others give p = .1, where the large-sample test gives .025.

    Source: Mantel, Evaluation of survival data and two new rank order statistics arising in its consideration, Cancer
    Chemotherapy Reports 50 (1966); the scores: Peto and Peto, Asymptotically efficient rank invariant test procedures,
    Journal of the Royal Statistical Society A 135 (1972).
    """
    every = [*first, *second]
    if not any(reach.reached for reach in every):
        return math.nan
    hazard: dict[float, float] = {}
    total, at_risk = 0.0, len(every)
    for time, own in groupby(sorted(every), key=attrgetter("time")):
        reached = [reach.reached for reach in own]
        total += sum(reached) / at_risk
        at_risk -= len(reached)
        hazard[time] = total
    scores = [reach.reached - hazard[reach.time] for reach in every]
    return mean_permutation(scores[: len(first)], scores[len(first) :])
