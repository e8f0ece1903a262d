"""Power analysis: the chance to find a gap, the smallest gap that is found, and the seeds needed for a given gap."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from scipy.special import chdtri, nctdtr, nctdtrinc, stdtr, stdtrit

from bnlab.stats.estimate import standard_error
from bnlab.stats.permutation import smallest_p

MOST_SEEDS = 500
"""The largest number of seeds per arm that is considered."""

ASSURANCE = 0.8
"""The probability that the true sd is below the one used for planning."""


def visible_gap(sds: Sequence[float], ns: Sequence[int], alpha: float = 0.05, wanted: float = 0.8) -> float:
    """The smallest true difference that the two-sided t test at alpha finds with the wanted probability.

    It is nc * se, with se and df from `standard_error` and nc the noncentrality at which a noncentral t exceeds the
    critical t(1 - alpha / 2, df) with that probability. Exact for normal pairs with this sd. 0 without any spread.

    Args:
        sds: of the differences of pairs, or of the two samples.
        ns: the number of pairs, or of values of the two samples.
        alpha: the level of one comparison, after the correction.
        wanted: the probability.

    Source: Cohen, Statistical power analysis for the behavioral sciences (1988), chapter 2.
    """
    error, df = standard_error(sds, ns)
    return float(nctdtrinc(df, 1 - wanted, -stdtrit(df, alpha / 2))) * error


def chance_to_find(gap: float, sds: Sequence[float], ns: Sequence[int], alpha: float = 0.05) -> float:
    """The probability that the two-sided t test at alpha finds a true difference of this size, with the right sign.

    Source: Cohen (1988), as in `visible_gap`.
    """
    error, df = standard_error(sds, ns)
    return float(1 - nctdtr(df, gap / error, -stdtrit(df, alpha / 2)))


def seeds_needed(gap: float, sds: Sequence[float], ns: Sequence[int], alpha: float = 0.05) -> int | None:
    """The seeds per arm at which `visible_gap` is at most the gap; None above 500.

    It is planned with `upper_sds`: with the sd of few seeds itself, half of all plans would be too small.
    """
    upper = upper_sds(sds, ns)
    return _first(lambda n: visible_gap(upper, [n] * len(upper), alpha) <= gap)


def seeds_for_equality(margin: float, sds: Sequence[float], ns: Sequence[int], alpha: float = 0.05) -> int | None:
    """The seeds per arm at which the two one-sided tests at alpha find equal arms equal with probability .8.

    With se of `standard_error` and the critical t this probability is P(|T| <= margin / se - t), T being a central t.
    Planned with `upper_sds`, as `seeds_needed`.

    Source: Schuirmann (1987), as in `Contrast.equality_p`.
    """
    upper = upper_sds(sds, ns)

    def enough(n: int) -> bool:
        error, df = standard_error(upper, [n] * len(upper))
        return bool(2 * stdtr(df, margin / error + stdtrit(df, alpha)) - 1 >= 0.8)

    return _first(enough)


def upper_sds(sds: Sequence[float], ns: Sequence[int]) -> list[float]:
    """Upper bounds of the true sds, which hold with probability .8: sd * sqrt((n - 1) / chi2(.2, n - 1)).

    Source: Browne, On the use of a pilot sample for sample size determination, Statistics in Medicine 14 (1995).
    """
    return [sd * math.sqrt((n - 1) / float(chdtri(n - 1, ASSURANCE))) for sd, n in zip(sds, ns, strict=True)]


def seeds_for_p(samples: int, alpha: float = 0.05) -> int | None:
    """The least seeds per arm with which a permutation test can give a p of at most alpha; None above 500.

    Args:
        samples: 1 for pairs, 2 for two independent samples.
        alpha: the level of one comparison, after the correction.
    """
    return _first(lambda n: smallest_p([n] * samples) <= alpha)


def _first(enough: Callable[[int], bool]) -> int | None:
    candidates = range(2, MOST_SEEDS + 1)
    index = bisect_left(candidates, True, key=enough)
    return candidates[index] if index < len(candidates) else None
