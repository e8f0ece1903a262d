"""Permutation tests."""

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import betaln

RESAMPLES = 20_000
"""Up to this number all arrangements are tried, and p is exact: up to 14 pairs, or 8 against 8 values. If there are
more arrangements, this number of random ones is drawn."""

MANY, FEWEST = 1_000, 2_000
"""With more than 1,000 values fewer arrangements are drawn, by the square of their number, but at least 2,000."""

BATCH = 4_000_000
"""How many numbers are in memory at a time: 32 MB."""

Array = NDArray[np.float64]


def sign_flip(values: Sequence[float], baseline: Sequence[float], resamples: int = RESAMPLES) -> float:
    """Two-sided p of the paired permutation test.

    The statistic is the mean of the differences values[i] - baseline[i]. If the arms do not differ, each difference has
    either sign with equal chance: p is the share of the 2^n assignments of signs with a mean at least as far from zero.
    If 2^n > resamples, p is (b + 1) / (resamples + 1), b being the number of those among random assignments, which are
    the same each time.

    NaN for fewer than two pairs.

    Raises:
        ValueError: the samples differ in length.

    Source: Fisher, The design of experiments (1935), section 21; for the + 1 Phipson and Smyth (2010).
    """
    differences = np.array([a - b for a, b in zip(values, baseline, strict=True)])
    if len(differences) < 2:
        return math.nan
    return _p((_unit(differences),), _mean, "samples", resamples)


def two_sample(values: Sequence[float], baseline: Sequence[float], resamples: int = RESAMPLES) -> float:
    """Two-sided p of the permutation test of two independent samples.

    The statistic is Welch's t, (m1 - m2) / sqrt(s1^2 / n1 + s2^2 / n2): with it the test is exact if the arms do not
    differ at all, and holds its level for large n if only their means are equal. p is twice the smaller of the two
    shares of the (n1 + n2)! / (n1! n2!) partitions that are at least as extreme; if there are more than `resamples`,
    random ones are drawn.

    NaN if a sample has fewer than two values.

    Source: Chung and Romano, Exact and asymptotically robust permutation tests, Annals of Statistics 41 (2013).
    """
    if min(len(values), len(baseline)) < 2:
        return math.nan
    return _of_two(values, baseline, _welch_t, resamples)


def mean_permutation(values: Sequence[float], baseline: Sequence[float], resamples: int = RESAMPLES) -> float:
    """Two-sided p of Fisher's permutation test of two independent samples: the statistic is the difference of means.

    If all values are equal, p is 1. NaN if a sample has fewer than two values.
    """
    if min(len(values), len(baseline)) < 2:
        return math.nan
    return _of_two(values, baseline, _mean_difference, resamples)


def smallest_p(ns: Sequence[int], resamples: int = RESAMPLES) -> float:
    """The smallest p that `sign_flip` of n pairs (ns = [n]) or `two_sample` (ns = [n1, n2]) can give.

    It is 2 / 2^n or 2 n1! n2! / (n1 + n2)!, so .0625 with 5 pairs and .0079 with 5 against 5; 2 / (resamples + 1) if
    arrangements are drawn; 1 if a sample has fewer than two values.
    """
    if min(ns) < 2:
        return 1.0
    # As logarithms, since with many seeds the numbers have thousands of digits.
    logarithm = ns[0] * math.log(2) if len(ns) == 1 else -math.log(sum(ns) + 1) - betaln(ns[0] + 1, ns[1] + 1)
    arrangements = round(math.exp(min(logarithm, math.log(resamples + 1))))
    return 2 / arrangements if arrangements <= resamples else 2 / (drawn(sum(ns), resamples) + 1)


def drawn(values: int, resamples: int = RESAMPLES) -> int:
    """How many random arrangements of this number of values are drawn, if there are too many to try all."""
    return min(resamples, max(FEWEST, int(resamples * (MANY / values) ** 2)))


def _of_two(values: Sequence[float], baseline: Sequence[float], statistic: object, resamples: int) -> float:
    joint = _unit(np.array([*values, *baseline], dtype=float))
    return _p((joint[: len(values)], joint[len(values) :]), statistic, "independent", resamples)


def _p(samples: tuple[Array, ...], statistic: object, kind: str, resamples: int) -> float:
    size = sum(sample.shape[-1] for sample in samples)
    result = scipy.stats.permutation_test(
        samples,
        statistic,
        permutation_type=kind,
        vectorized=True,
        n_resamples=drawn(size, resamples),
        batch=1 + BATCH // sum(sample.size for sample in samples),
        axis=-1,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def _unit(values: Array) -> Array:
    """The values scaled to at most 1, so that rounding errors are of a known size."""
    scale = np.abs(values).max(axis=-1, keepdims=True)
    return values / np.where(scale == 0, 1, scale)


def _mean(values: Array, axis: int) -> Array:
    return _tied(values.mean(axis))


def _mean_difference(first: Array, second: Array, axis: int) -> Array:
    return _tied(first.mean(axis) - second.mean(axis))


def _welch_t(first: Array, second: Array, axis: int) -> Array:
    difference = np.round(first.mean(axis) - second.mean(axis), 12)
    variance = first.var(axis, ddof=1) / first.shape[axis] + second.var(axis, ddof=1) / second.shape[axis]
    # Samples without spread have no t; the small constant gives them a very large one.
    return _tied(difference / np.sqrt(variance + 1e-18))


def _tied(statistic: Array) -> Array:
    """The statistic, rounded so that arrangements that differ only by rounding errors are equal."""
    return np.asarray(statistic).round(10)
