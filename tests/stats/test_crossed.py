"""Means over seeds crossed with images, against an analysis of variance and against simulations with other images."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bnlab.stats import crossed_difference, crossed_mean, mean_difference

Array = NDArray[np.float32]


def mean_squares(table: Array) -> tuple[float, float, float]:
    """Of seeds, images and the rest, by statsmodels."""
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    seeds, images = table.shape
    long = pd.DataFrame(
        {"y": table.ravel(), "s": np.repeat(range(seeds), images), "i": np.tile(range(images), seeds)}
    ).astype({"s": str, "i": str})
    found = anova_lm(ols("y ~ s + i", long).fit())
    return tuple(found["sum_sq"] / found["df"])


def test_the_standard_error_is_that_of_the_analysis_of_variance() -> None:
    generator = np.random.default_rng(0)
    difficulty = generator.normal(size=12)
    table = (generator.normal(size=(5, 12)) < difficulty + generator.normal(size=(5, 1))).astype(np.float32)
    of_seeds, of_images, rest = mean_squares(table)
    found = crossed_mean(table)
    assert found is not None
    assert found.mean == pytest.approx(table.mean())
    assert found.error**2 == pytest.approx((of_seeds + of_images - rest) / 60)
    spread = of_seeds**2 / 4 + of_images**2 / 11 + rest**2 / 44
    assert found.df == pytest.approx((of_seeds + of_images - rest) ** 2 / spread)


def answers(generator: np.random.Generator, seeds: int, images: int, gap: float = 0.0) -> tuple[Array, Array]:
    """Of two arms; images are hard or easy for both, and also for one arm more than for the other; 4 % are wrong."""
    difficulty, of_arm = generator.normal(size=images) * 2, generator.normal(size=(2, images)) * 2
    luck = generator.normal(size=(seeds, 1)) * 0.1
    logit = [
        5.2 + difficulty + of_arm[arm] + luck + generator.normal(size=(seeds, 1)) * 0.1 + gap * arm for arm in (0, 1)
    ]
    first, second = ((generator.random((seeds, images)) < 1 / (1 + np.exp(-x))).astype(np.float32) for x in logit)
    return first, second


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [5, 20])
def test_intervals_cover_where_images_are_a_sample_too_and_those_over_seeds_alone_do_not(n: int, paired: bool) -> None:
    """Equal arms, other images each time; 300 draws: the standard error of .95 is .013."""
    generator = np.random.default_rng(n)
    both, alone, wider = 0, 0, []
    for _ in range(300):
        first, second = answers(generator, n, 1000)
        found = crossed_difference(first, second, paired=paired)
        assert found is not None
        low, high = found.interval(0.05)
        over_seeds = mean_difference(first.mean(1).tolist(), second.mean(1).tolist(), paired=paired).interval
        both += low <= 0 <= high
        alone += over_seeds.low <= 0 <= over_seeds.high
        wider.append((high - low) / (over_seeds.high - over_seeds.low))
    assert 0.915 < both / 300 <= 0.99
    assert alone < both - 15
    assert np.median(wider) > 1


def test_a_gap_that_holds_on_all_images_is_found() -> None:
    first, second = answers(np.random.default_rng(1), 8, 4000, gap=0.5)
    found = crossed_difference(second, first, paired=True)
    assert found is not None
    assert found.p < 0.01
    assert found.interval(0.05).low > 0


def test_what_has_one_seed_or_no_spread_has_no_interval() -> None:
    ones = np.ones((3, 5), dtype=np.float32)
    assert crossed_mean(ones[:1]) is None
    assert crossed_difference(ones[:1], ones, paired=False) is None
    same = crossed_difference(ones, ones, paired=True)
    assert same is not None
    assert (same.mean, same.error) == (0, 0)
    assert math.isnan(same.p)
