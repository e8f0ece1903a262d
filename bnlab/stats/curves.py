"""Learning curves as numbers: the area under one, and the time to a target, which some replicates never reach."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.integrate import trapezoid


class Reach(NamedTuple):
    """When a replicate reached a target; if it did not, the end of what was seen of it (right-censored)."""

    time: float
    reached: bool


def area_under_curve(times: Sequence[float], scores: Sequence[float]) -> float:
    """The average height of a curve between its first and last point, by the trapezoidal rule, in the score's unit.

    NaN with fewer than two points or a score that is not finite.
    """
    if len(times) < 2 or not np.isfinite(scores).all():
        return math.nan
    return float(trapezoid(scores, times)) / (times[-1] - times[0])


def first_reach(times: Sequence[float], scores: Sequence[float], target: float, *, higher: bool = True) -> Reach:
    """The first time at which the score is at the target or beyond it: above it if higher is better, else below.

    Raises:
        ValueError: no point.
    """
    if not len(times):
        raise ValueError("a curve needs a point")
    for time, score in zip(times, scores, strict=True):
        if score >= target if higher else score <= target:
            return Reach(time, True)
    return Reach(times[-1], False)


def share_reached(reaches: Sequence[Reach]) -> tuple[list[float], list[float]]:
    """The Kaplan-Meier estimate of the share that has reached the target: ascending times, and the share from each on.

    Source: Kaplan and Meier, Nonparametric estimation from incomplete observations, JASA 53 (1958).
    """
    cdf = stats.ecdf(_sample(reaches)).cdf
    return cdf.quantiles.tolist(), cdf.probabilities.tolist()


def median_time(reaches: Sequence[Reach]) -> float:
    """The time at which half of the replicates have reached the target; infinite if that is not seen."""
    times, shares = share_reached(reaches)
    return next((time for time, share in zip(times, shares, strict=True) if share >= 0.5 - 1e-12), math.inf)


def restricted_mean(reaches: Sequence[Reach], horizon: float) -> float:
    """The mean of min(time to the target, horizon): the area under the share yet to reach it, up to the horizon.

    Comparable between arms where a mean of the times that were reached is not: that one leaves out the slow ones.

    Source: Royston and Parmar, Restricted mean survival time, BMC Medical Research Methodology 13 (2013).
    """
    times, shares = share_reached(reaches)
    inside = [(time, share) for time, share in zip(times, shares, strict=True) if time < horizon]
    starts = [0.0, *(time for time, _ in inside)]
    heights = [1.0, *(1 - share for _, share in inside)]
    return float(np.dot(heights, np.diff([*starts, horizon])))


def logrank(first: Sequence[Reach], second: Sequence[Reach]) -> float:
    """Two-sided p of the log-rank test that two arms reach the target equally fast; NaN if no replicate reached it.

    Large-sample: with few seeds it is rough.

    Source: Mantel, Evaluation of survival data and two new rank order statistics arising in its consideration, Cancer
    Chemotherapy Reports 50 (1966).
    """
    if not any(reach.reached for reach in [*first, *second]):
        return math.nan
    return float(stats.logrank(_sample(first), _sample(second)).pvalue)


def _sample(reaches: Sequence[Reach]) -> "stats.CensoredData":
    return stats.CensoredData(
        uncensored=[reach.time for reach in reaches if reach.reached],
        right=[reach.time for reach in reaches if not reach.reached],
    )
