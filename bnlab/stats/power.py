"""What a number of seeds can show: the smallest gap, and the seeds for a given gap."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from scipy.special import nctdtrinc
from scipy.stats import t as student_t

from bnlab.stats.estimate import standard_error
from bnlab.stats.permutation import smallest_p

MOST_SEEDS = 500
"""Per arm. Of no more than 1,000 values the permutation test draws all its arrangements."""


def visible_gap(sds: Sequence[float], ns: Sequence[int], alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true difference that a two-sided test at alpha finds with that power.

    It is d = nc * se, with se and df from `standard_error` and nc the noncentrality at which a noncentral t exceeds the
    critical t(1 - level / 2, df) with that probability. The permutation test has few p values at small n: its level is
    the largest of them that is at most alpha, less half a step as a continuity correction, which gives it a power
    between .74 and .86 (simulated: normal values, 6 to 20 pairs, 4 to 8 against as many). Infinite if there is no such
    p; 0 without any spread.

    Args:
        sds: of the differences of pairs, or of the two samples.
        ns: the number of pairs, or of values of the two samples.
        alpha: the level of one comparison, after the correction.
        power: the wanted probability.

    Source: Cohen, Statistical power analysis for the behavioral sciences (1988), chapter 2.
    """
    step = smallest_p(ns)
    # The tolerance keeps .05 / .025 from being 1.99....
    steps = math.floor(alpha / step + 1e-9)
    if steps < 1:
        return math.inf
    level = (steps - 0.5) * step
    error, df = standard_error(sds, ns)
    return float(nctdtrinc(df, 1 - power, student_t.isf(level / 2, df))) * error


def seeds_needed(gap: float, sds: Sequence[float], alpha: float = 0.05, power: float = 0.8) -> int | None:
    """The seeds per arm at which `visible_gap` is at most the gap; None above 500."""
    return _first(lambda n: visible_gap(sds, [n] * len(sds), alpha, power) <= gap)


def seeds_for_p(samples: int, alpha: float = 0.05) -> int | None:
    """The seeds per arm at which the permutation test can give a p of alpha or less at all; None if at none up to 500.

    Args:
        samples: 1 for pairs, 2 for two independent samples.
        alpha: the level of one comparison, after the correction.
    """
    return _first(lambda n: smallest_p([n] * samples) <= alpha)


def _first(enough: Callable[[int], bool]) -> int | None:
    candidates = range(2, MOST_SEEDS + 1)
    index = bisect_left(candidates, True, key=enough)
    return candidates[index] if index < len(candidates) else None
