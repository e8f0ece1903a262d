"""Robust summaries with stratified bootstrap intervals: interquartile means, chances to be better, and profiles.

A stratum is the seeds' scores on one data set; resamples draw seeds with replacement within each of them. A seed that
failed has an infinite score, the worst one. Shapes: B resamples, T thresholds.

Source: Agarwal, Schwarzer, Castro, Courville and Bellemare, Deep reinforcement learning at the edge of the statistical
precipice, NeurIPS (2021), and their library rliable. Its intervals are the percentiles of the bootstrap, which are too
narrow for few seeds: of five they cover about 84 %.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bnlab.stats.estimate import Interval

RESAMPLES = 2_000

Array = NDArray[np.float64]
Strata = Sequence[Sequence[float]]


def pooled_interquartile_mean(strata: Strata) -> tuple[float, Interval]:
    """The mean of the middle half of all scores together, a quarter cut off at each end, rounded down."""
    return _estimate([strata], lambda samples: _middle(samples[0]))


def chance_to_be_better(strata: Strata, baseline: Strata) -> tuple[float, Interval]:
    """P(a score is above one of the baseline on the same data set) + half of P(it is equal), averaged over data sets.

    Both arms are drawn anew in each resample.
    """

    def chance(samples: Sequence[Sequence[Array]]) -> Array:
        of_strata = [_above(first, second) for first, second in zip(*samples, strict=True)]
        return np.asarray(np.mean(of_strata, axis=0))

    return _estimate([strata, baseline], chance)


def performance_profile(strata: Strata, thresholds: Sequence[float]) -> tuple[Array, Array, Array]:
    """The share of all scores above each threshold (T,), and the ends of its interval at each."""
    scores, drawn = np.concatenate([np.asarray(each, dtype=float) for each in strata]), _drawn(strata)
    every = np.concatenate(drawn, axis=1)
    shares = np.array([(scores > threshold).mean() for threshold in thresholds])
    resampled = np.array([(every > threshold).mean(1) for threshold in thresholds])
    low, high = np.quantile(resampled, (0.025, 0.975), axis=1, method="inverted_cdf")
    return shares, low, high


def _estimate(
    arms: Sequence[Strata], statistic: Callable[[Sequence[Sequence[Array]]], Array]
) -> tuple[float, Interval]:
    """A statistic of the scores themselves, and its interval of 95 %."""
    own = [[np.asarray(each, dtype=float)[None] for each in strata] for strata in arms]
    values = statistic([_drawn(strata, number) for number, strata in enumerate(arms)])
    low, high = np.quantile(values, (0.025, 0.975), method="inverted_cdf")
    return float(statistic(own)[0]), Interval(float(low), float(high))


def _drawn(strata: Strata, number: int = 0) -> list[Array]:
    """B resamples of each stratum, always the same ones."""
    generator = np.random.default_rng(number)
    arrays = [np.asarray(each, dtype=float) for each in strata]
    return [each[generator.integers(len(each), size=(RESAMPLES, len(each)))] for each in arrays]


def _middle(samples: Sequence[Array]) -> Array:
    ordered = np.sort(np.concatenate(samples, axis=1), axis=1)
    cut = ordered.shape[1] // 4
    return np.asarray(ordered[:, cut : ordered.shape[1] - cut].mean(1))


def _above(first: Array, second: Array) -> Array:
    """(B,) of (B, n) and (B, m), which may be large: one column of the first at a time."""
    of_columns = [((column[:, None] > second).mean(1) + (column[:, None] >= second).mean(1)) / 2 for column in first.T]
    return np.asarray(np.mean(of_columns, axis=0))
