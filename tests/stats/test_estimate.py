"""Against critical values of a printed t table and plain loops, not against the library that is called."""

import math

import pytest

from bnlab.stats import Interval, mean_difference, summarize, superiority, t_interval

# Two-sided 95 % and 99 % points of Student's t, as printed in tables: degrees of freedom -> t.
T_95 = {1: 12.706205, 2: 4.302653, 3: 3.182446, 4: 2.776445, 9: 2.262157}
T_99 = {2: 9.924843, 4: 4.604095}


def moments(values: list[float]) -> tuple[float, float]:
    """Mean and variance (n - 1) by plain loops."""
    mean = 0.0
    for value in values:
        mean += value / len(values)
    squares = 0.0
    for value in values:
        squares += (value - mean) ** 2
    return mean, squares / (len(values) - 1)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10])
def test_interval_of_a_mean_matches_the_printed_table(n: int) -> None:
    values = [0.97 + 0.001 * ((7 * i) % 11) for i in range(n)]
    mean, variance = moments(values)
    reach = T_95[n - 1] * math.sqrt(variance / n)
    assert t_interval(values) == pytest.approx((mean - reach, mean + reach), abs=1e-8)


def test_confidence_widens_the_interval() -> None:
    values = [1.0, 2.0, 3.0]
    reach = T_99[2] / math.sqrt(3)
    assert t_interval(values, confidence=0.99) == pytest.approx((2 - reach, 2 + reach), abs=1e-6)


def test_summary() -> None:
    summary = summarize([1.0, 2.0, 3.0, 6.0])
    assert (summary.n, summary.mean) == (4, 3.0)
    assert summary.sd == pytest.approx(math.sqrt(14 / 3))
    assert summary.interval == t_interval([1.0, 2.0, 3.0, 6.0])


def test_one_value_has_a_mean_and_no_spread() -> None:
    summary = summarize([0.5])
    assert (summary.n, summary.mean) == (1, 0.5)
    assert all(math.isnan(x) for x in (summary.sd, *summary.interval))


def test_no_value_has_no_mean() -> None:
    summary = summarize([])
    assert summary.n == 0
    assert all(math.isnan(x) for x in (summary.mean, summary.sd, *summary.interval))


def test_equal_values_have_no_spread_at_all() -> None:
    assert summarize([0.1] * 3).sd == 0.0
    assert t_interval([0.1] * 3) == Interval(0.1, 0.1)


def test_paired_difference_uses_the_spread_of_the_pairs() -> None:
    values, baseline = [0.98, 0.95, 0.99], [0.97, 0.93, 0.96]
    mean, variance = moments([0.01, 0.02, 0.03])
    reach = T_95[2] * math.sqrt(variance / 3)
    difference = mean_difference(values, baseline, paired=True)
    assert difference.mean == pytest.approx(mean)
    assert difference.interval == pytest.approx((mean - reach, mean + reach), abs=1e-8)


def test_welch_with_equal_n_and_variance_has_2n_minus_2_degrees_of_freedom() -> None:
    # v1 = v2 = v: the formula gives (2 v)^2 / (2 v^2 / (n - 1)) = 2 (n - 1) = 4.
    values, baseline = [11.0, 12.0, 13.0], [1.0, 2.0, 3.0]
    reach = T_95[4] * math.sqrt(1 / 3 + 1 / 3)
    difference = mean_difference(values, baseline, paired=False)
    assert difference.mean == pytest.approx(10)
    assert difference.interval == pytest.approx((10 - reach, 10 + reach), abs=1e-6)


def test_welch_with_one_sample_without_spread_has_the_other_ones_degrees_of_freedom() -> None:
    # v2 = 0: df = v1^2 / (v1^2 / (n1 - 1)) = 3.
    values, baseline = [1.0, 2.0, 3.0, 6.0], [1.0, 1.0]
    reach = T_95[3] * math.sqrt(14 / 3 / 4)
    difference = mean_difference(values, baseline, paired=False)
    assert difference.interval == pytest.approx((2 - reach, 2 + reach), abs=1e-6)


def student_cdf(t: float, df: float) -> float:
    """P(T < t) for t > 0: the density, by Simpson's rule from 0 to t."""
    steps = 4000
    total = 0.0
    for i in range(steps + 1):
        weight = 1 if i in (0, steps) else 4 if i % 2 else 2
        total += weight * (1 + (i * t / steps) ** 2 / df) ** (-(df + 1) / 2)
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    return 0.5 + scale * total * t / steps / 3


def test_welch_with_fractional_degrees_of_freedom() -> None:
    first = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9]
    second = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8]
    (m1, s1), (m2, s2) = moments(first), moments(second)
    v1, v2 = s1 / 6, s2 / 9
    df = (v1 + v2) ** 2 / (v1**2 / 5 + v2**2 / 8)
    difference = mean_difference(first, second, paired=False)
    assert difference.mean == pytest.approx(m1 - m2)
    low, high = difference.interval
    assert (low + high) / 2 == pytest.approx(m1 - m2)
    assert student_cdf((high - low) / 2 / math.sqrt(v1 + v2), df) == pytest.approx(0.975, abs=1e-9)


def test_welch_without_any_spread_has_no_width() -> None:
    difference = mean_difference([2.0, 2.0], [1.0, 1.0, 1.0], paired=False)
    assert difference.interval == Interval(1.0, 1.0)


@pytest.mark.parametrize("paired", [True, False])
def test_one_value_each_has_a_difference_without_interval(paired: bool) -> None:
    difference = mean_difference([3.0], [1.0], paired=paired)
    assert difference.mean == 2.0
    assert all(math.isnan(x) for x in difference.interval)


@pytest.mark.parametrize(("values", "baseline"), [([], [1.0, 2.0]), ([1.0, 2.0], [])])
def test_no_value_has_no_difference(values: list[float], baseline: list[float]) -> None:
    difference = mean_difference(values, baseline, paired=False)
    assert all(math.isnan(x) for x in (difference.mean, *difference.interval))


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        mean_difference([1.0, 2.0, 3.0], [1.0, 2.0], paired=True)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_confidence_is_a_fraction(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"confidence must be between 0 and 1, received {confidence}"):
        t_interval([1.0, 2.0], confidence)


def test_superiority_counts_ties_half() -> None:
    # Of the six pairs 3 > 2, 3 > 1, 2 > 1, 1 < 2 are settled, 2 = 2 and 1 = 1 tied.
    assert superiority([3.0, 2.0, 1.0], [2.0, 1.0]) == pytest.approx((3 + 2 / 2) / 6)
    assert superiority([1.0], [2.0, 3.0]) == 0
    assert math.isnan(superiority([], [1.0]))
