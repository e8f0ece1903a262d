"""Against Cohen's printed tables and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from bnlab.stats import contrast, seeds_for_p, seeds_needed, sign_flips, two_samples, visible_gap


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_seeds_for_cohens_small_medium_and_large_effect(d: float, n: int) -> None:
    """Two samples, level .05, power .8: table 2.4.1 of Cohen (1988), which solves for n to within one."""
    needed = seeds_needed(d, [1.0, 1.0])
    assert needed is not None
    assert abs(needed - n) <= 1


@pytest.mark.parametrize("n", [20, 50, 200])
def test_visible_gap_has_the_power_that_statsmodels_gives(n: int) -> None:
    """At so many seeds p is as good as continuous: 500 steps of 2/20001 below the level."""
    level = (math.floor(0.05 / (2 / 20_001)) - 0.5) * 2 / 20_001
    paired, two = visible_gap([2.0], [n]), visible_gap([2.0, 2.0], [n, n])
    # Their two-sided power counts findings of the wrong sign too, next to none of them here.
    assert TTestPower().power(paired / 2, n, level) == pytest.approx(0.8, abs=1e-6)
    assert TTestIndPower().power(two / 2, n, level) == pytest.approx(0.8, abs=1e-6)


def test_level_is_lowered_to_what_the_test_can_give() -> None:
    """8 pairs give p in steps of 2 / 256: below .0125 only .0078."""
    assert visible_gap([1.0], [8], alpha=0.0125) == visible_gap([1.0], [8], alpha=2 / 256)
    assert visible_gap([1.0], [5]) == math.inf
    assert visible_gap([1.0, 1.0], [3, 3]) == math.inf
    assert math.isfinite(visible_gap([1.0, 1.0], [4, 4]))


@pytest.mark.parametrize(("n", "alpha"), [(6, 0.05), (8, 0.05), (8, 0.0125), (12, 0.01)])
def test_the_permutation_test_finds_the_visible_gap_four_times_in_five(n: int, alpha: float) -> None:
    """1,000 simulated comparisons: the standard error of the rate is .013."""
    gap = visible_gap([1.0], [n], alpha)
    draws = np.random.default_rng(n).normal(gap, 1.0, size=(1000, n))
    assert 0.74 < np.mean(sign_flips(draws) <= alpha + 1e-9) < 0.86


@pytest.mark.parametrize(("n", "alpha"), [(4, 0.05), (5, 0.0125), (6, 0.05)])
def test_so_does_the_one_of_two_samples(n: int, alpha: float) -> None:
    gap = visible_gap([1.0, 1.0], [n, n], alpha)
    draws = np.random.default_rng(n).normal(0, 1.0, size=(2, 1000, n))
    assert 0.74 < np.mean(two_samples(draws[0] + gap, draws[1]) <= alpha + 1e-9) < 0.86


def test_seeds_needed_is_the_first_number_that_suffices() -> None:
    needed = seeds_needed(0.7, [1.0])
    assert needed is not None
    assert visible_gap([1.0], [needed]) <= 0.7 < visible_gap([1.0], [needed - 1])
    assert seeds_needed(0.0, [1.0]) is None
    # Without spread any number does at which the test can find anything.
    assert seeds_needed(0.5, [0.0]) == 6


def test_seeds_below_which_nothing_can_be_found() -> None:
    assert [seeds_for_p(1, alpha) for alpha in (0.05, 0.05 / 4, 0.05 / 59)] == [6, 8, 12]
    assert [seeds_for_p(2, alpha) for alpha in (0.05, 0.05 / 4)] == [4, 5]
    assert seeds_for_p(1, 1e-6) is None


def test_contrast_of_pairs() -> None:
    values, baseline = [3.0, 5.0, 7.0, 9.5, 11.0, 13.0], [2.0, 3.0, 6.0, 8.0, 9.0, 12.0]
    found = contrast(values, baseline, paired=True)
    assert (found.paired, found.ns) == (True, (6,))
    assert found.p == pytest.approx(2 / 64)
    sd = math.sqrt(sum((d - 8.5 / 6) ** 2 for d in (1, 2, 1, 1.5, 2, 1)) / 5)
    assert found.sds == pytest.approx((sd,))
    expected = scipy_stats.ttest_rel(values, baseline).confidence_interval()
    assert found.difference.interval == pytest.approx(tuple(expected))
    assert found.visible_gap(0.05) == visible_gap([found.sds[0]], [6])
    assert found.more_seeds(1e9, 0.05) == 0
    assert found.seeds_at_least(0.05 / 4) == 8


def test_contrast_of_two_samples() -> None:
    values, baseline = [3.0, 5.0, 7.0, 9.5], [2.0, 3.0, 6.0]
    found = contrast(values, baseline, paired=False)
    assert (found.paired, found.ns, len(found.sds)) == (False, (4, 3), 2)
    # 4 against 3: seeds are told for the smaller arm.
    needed = seeds_needed(4.0, found.sds)
    assert needed is not None
    assert found.more_seeds(4.0, 0.05) == needed - 3


def test_a_single_replicate_has_no_spread_to_tell_from() -> None:
    found = contrast([1.0], [2.0], paired=True)
    assert math.isnan(found.p)
    assert math.isnan(found.visible_gap(0.05))
    assert found.more_seeds(1.0, 0.05) is None
    assert found.smallest_p == 1
