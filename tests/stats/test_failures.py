"""Against printed values of R, and counts by hand."""

import pytest

from bnlab.stats import failure_interval, fisher, highest_of, interquartile_mean, median, outliers


def test_the_interval_of_a_share_is_that_of_clopper_and_pearson() -> None:
    """R's binom.test(6, 8) prints 0.3491442 0.9681460."""
    assert failure_interval(6, 8) == pytest.approx((0.3491442, 0.9681460), abs=1e-6)
    assert failure_interval(0, 8).low == 0
    assert failure_interval(8, 8).high == 1


def test_fishers_p_by_hand() -> None:
    """Six of eight against none: C(8, 6) of the C(16, 6) = 8008 ways, and as many of the other arm."""
    assert fisher((6, 8), (0, 8)) == pytest.approx(2 * 28 / 8008)
    assert fisher((1, 8), (1, 8)) == 1


def test_the_highest_of_equal_means() -> None:
    """Tables of normal order statistics: 0.5642, 0.8463 and 1.2672."""
    assert [highest_of(k) for k in (1, 2, 3, 6)] == pytest.approx([0, 0.5641896, 0.8462844, 1.2672064], abs=1e-6)


def test_an_outlier_moves_neither_the_median_nor_the_middle_half() -> None:
    values = [0.98, 0.981, 0.982, 0.983, 0.984, 0.985, 0.986, 0.11]
    assert median(values) == pytest.approx(0.9825)
    assert interquartile_mean(values) == pytest.approx((0.981 + 0.982 + 0.983 + 0.984) / 4)
    assert outliers(values) == [7]
    assert outliers(values[:7]) == outliers([0.1, 0.9, 0.9]) == []
