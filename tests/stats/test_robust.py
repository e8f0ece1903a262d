"""Robust summaries against scipy's bootstrap and against loops."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap, trim_mean

from bnlab.stats import chance_to_be_better, performance_profile, pooled_interquartile_mean, superiority

MNIST, KMNIST = [0.97, 0.975, 0.96, 0.981, 0.9, 0.972, 0.968, 0.979], [0.90, 0.92, 0.91, 0.89, 0.93, 0.95, 0.905, 0.915]
OTHER = [0.96, 0.971, 0.955, 0.975, 0.972, 0.968, 0.962, 0.97], [0.91, 0.9, 0.905, 0.88, 0.925, 0.91, 0.9, 0.89]


def test_the_interquartile_mean_and_its_interval_are_scipys() -> None:
    """Samples of their own are strata: each is resampled by itself."""

    def middle(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(trim_mean(np.concatenate(samples, axis=axis), 0.25, axis=axis))

    mean, (low, high) = pooled_interquartile_mean([MNIST, KMNIST])
    assert mean == pytest.approx(trim_mean([*MNIST, *KMNIST], 0.25))
    expected = bootstrap((MNIST, KMNIST), middle, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.001)


def test_the_chance_to_be_better_is_averaged_over_data_sets() -> None:
    chance, (low, high) = chance_to_be_better([MNIST, KMNIST], OTHER)
    assert chance == pytest.approx((superiority(MNIST, OTHER[0]) + superiority(KMNIST, OTHER[1])) / 2)
    expected = bootstrap(
        (MNIST, KMNIST, *OTHER),
        lambda a, b, c, d: (superiority(a, c) + superiority(b, d)) / 2,
        n_resamples=4_000,
        method="percentile",
        vectorized=False,
        rng=1,
    ).confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.025)


def test_a_profile_is_the_share_of_seeds_above_each_threshold() -> None:
    thresholds = [0.88, 0.9, 0.93, 0.97, 1.0]
    shares, low, high = performance_profile([MNIST, KMNIST], thresholds)
    scores = [*MNIST, *KMNIST]
    assert shares.tolist() == [sum(score > threshold for score in scores) / 16 for threshold in thresholds]
    assert (low <= shares).all()
    assert (shares <= high).all()
    # All above, so in every resample; none above likewise.
    assert (low[0], high[0], low[-1], high[-1]) == (1, 1, 0, 0)


def test_seeds_that_failed_are_the_worst_ones() -> None:
    failed = [*MNIST[:6], -math.inf, -math.inf]
    assert pooled_interquartile_mean([failed])[0] == pytest.approx(np.mean(sorted(failed)[2:6]))
    assert pooled_interquartile_mean([[*MNIST[:4], *[-math.inf] * 4]])[0] == -math.inf
    assert chance_to_be_better([failed], [MNIST])[0] == superiority(failed, MNIST)
    assert performance_profile([failed], [0.0])[0].tolist() == [0.75]


def test_the_interval_of_an_interquartile_mean_covers_with_twenty_seeds() -> None:
    """300 samples of 20: about .93 of them; with 5 it is .84 or less, which docs/statistics.md says."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(300, 20))
    intervals = [pooled_interquartile_mean([row.tolist()])[1] for row in rows]
    assert 0.88 < np.mean([low <= 0 <= high for low, high in intervals]) < 0.98
