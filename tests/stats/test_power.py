"""Against statsmodels, scipy, Cohen's printed tables and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from bnlab.stats import (
    Contrast,
    chance_to_find,
    seeds_for_equality,
    seeds_for_p,
    seeds_needed,
    sign_flip,
    upper_sds,
    visible_gap,
)

FIRST, SECOND = (3.0, 5.0, 7.0, 9.5, 11.0, 13.0), (2.0, 3.0, 6.0, 8.0, 9.0, 12.0)


@pytest.mark.parametrize(("d", "n"), [(0.2, 393), (0.5, 64), (0.8, 26)])
def test_cohens_small_medium_and_large_effect(d: float, n: int) -> None:
    """Two samples, level .05, power .8: table 2.4.1 of Cohen (1988), which solves for n to within one."""
    assert visible_gap([1.0, 1.0], [n + 1] * 2) < d < visible_gap([1.0, 1.0], [n - 1] * 2)


@pytest.mark.parametrize("n", [5, 8, 20])
def test_power_is_what_statsmodels_gives(n: int) -> None:
    level = 0.05 / 5
    paired, two = visible_gap([2.0], [n], level), visible_gap([2.0, 2.0], [n, n], level)
    # Their two-sided power counts findings of the wrong sign too, next to none of them here.
    assert TTestPower().power(paired / 2, n, level) == pytest.approx(0.8, abs=1e-6)
    assert TTestIndPower().power(two / 2, n, level) == pytest.approx(0.8, abs=1e-6)
    half = chance_to_find(paired / 2, [2.0], [n], level)
    assert half == pytest.approx(TTestPower().power(paired / 4, n, level), abs=1e-3)


def test_seeds_are_planned_with_the_uncertainty_of_the_sd() -> None:
    """What "13 more seeds would settle" held with a chance of .5 to .6."""
    sds = np.random.default_rng(0).normal(size=(200, 8)).std(axis=1, ddof=1)
    plans = [seeds_needed(0.9, [float(sd)], [8]) for sd in sds]
    enough = [plan is not None and chance_to_find(0.9, [1.0], [plan]) >= 0.79 for plan in plans]
    assert 0.72 < np.mean(enough) < 0.92
    # Tables of chi-squared: the .2 quantile at 7 degrees is 3.822.
    assert upper_sds([1.0], [8]) == pytest.approx([math.sqrt(7 / 3.822)], rel=1e-3)
    assert seeds_needed(0.0, [1.0], [8]) is None


def test_seeds_for_equality_show_equal_arms_equal_four_times_in_five() -> None:
    sd = 1 / upper_sds([1.0], [8])[0]
    n = seeds_for_equality(0.8, [sd], [8])
    assert n is not None
    draws = np.random.default_rng(0).normal(size=(300, n))
    equal = [ttost_paired(row, np.zeros(n), -0.8, 0.8)[0] <= 0.05 for row in draws]
    assert 0.72 < np.mean(equal) < 0.9


def test_seeds_below_which_ranks_can_find_nothing() -> None:
    assert [seeds_for_p(1, alpha) for alpha in (0.05, 0.05 / 4, 0.05 / 59)] == [6, 8, 12]
    assert [seeds_for_p(2, alpha) for alpha in (0.05, 0.05 / 4)] == [4, 5]
    assert seeds_for_p(1, 1e-6) is None


def test_contrast_of_pairs() -> None:
    found = Contrast(FIRST, SECOND, paired=True)
    expected = scipy_stats.ttest_rel(FIRST, SECOND)
    assert (found.paired, found.ns, found.smallest_p) == (True, (6,), 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval(0.05) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.interval(0.01) == pytest.approx(tuple(expected.confidence_interval(0.99)))
    assert found.equality_p(2.0) == pytest.approx(ttost_paired(np.array(FIRST), np.array(SECOND), -2.0, 2.0)[0])
    assert found.visible_gap(0.05) == visible_gap(found.sds, [6])
    assert found.seeds_at_least(0.05 / 4) == 2


def test_contrast_of_two_samples() -> None:
    found = Contrast(FIRST, SECOND[:5], paired=False)
    expected = scipy_stats.ttest_ind(FIRST, SECOND[:5], equal_var=False)
    assert (found.paired, found.ns, len(found.sds)) == (False, (6, 5), 2)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.interval(0.01) == pytest.approx(tuple(expected.confidence_interval(0.99)))
    equal = ttost_ind(np.array(FIRST), np.array(SECOND[:5]), -9.0, 9.0, usevar="unequal")[0]
    assert found.equality_p(9.0) == pytest.approx(equal)


def test_too_few_values_have_no_p() -> None:
    single, three = Contrast((1.0,), (2.0,), paired=True), Contrast((1.0, 1.1, 1.3), FIRST, paired=False)
    for found, least in ((single, 2), (three, 4)):
        assert math.isnan(found.p)
        assert math.isnan(found.visible_gap(0.05))
        assert (found.smallest_p, found.seeds_at_least(0.01), found.seeds_for(1.0, 0.05)) == (1, least, None)


def test_failures_are_the_last_ranks() -> None:
    """Against scipy's exact tests, which know no infinite values: of ones that are worse than all others, and tie."""
    failed = (*FIRST[:4], -math.inf, -math.inf)
    pairs, two = Contrast(failed, SECOND, paired=True), Contrast(failed, SECOND[:5], paired=False)
    low = (*FIRST[:4], SECOND[4] - 1000.0, SECOND[5] - 1000.0)
    every = scipy_stats.PermutationMethod()
    assert pairs.p == pytest.approx(scipy_stats.wilcoxon(low, SECOND, method=every).pvalue)
    assert math.isnan(pairs.difference)
    assert all(math.isnan(end) for end in pairs.interval(0.05))
    assert 0.05 < two.p <= 1


def test_without_spread_there_is_no_t() -> None:
    """Two pairs with one difference, which a metric in steps of 1/10,000 has by chance, would be p = 0."""
    found = Contrast((0.9702, 0.9713), (0.9701, 0.9712), paired=True)
    assert found.p == 0.5
    assert math.isnan(found.interval(0.05).low)


def test_an_outlier_of_a_loss_makes_no_ties() -> None:
    """In float32 a loss of 2,000,000 made all other sums equal: p = 1. Exact, of eight equal signs: 2 / 2^8."""
    assert sign_flip([2e6, *(0.11 + i / 100 for i in range(7))], [0.1] * 8) == pytest.approx(2 / 256)
