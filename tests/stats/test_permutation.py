"""Against plain enumeration of all arrangements, and Holm's steps by hand."""

import itertools
import math
from statistics import mean, variance

import pytest
from scipy.stats import binomtest

from bnlab.stats import holm, sign_flip, smallest_p, two_sample

PAIRS = [
    ([0.981, 0.979, 0.984, 0.976, 0.980, 0.983], [0.975, 0.980, 0.977, 0.974, 0.978, 0.975]),
    # All differences are .0002 or .0004 but for rounding errors, so that many sums are ties.
    ([0.9712, 0.9714, 0.9751, 0.9689, 0.9698], [0.9710, 0.9710, 0.9753, 0.9687, 0.9694]),
]


def enumerated_sign_flip(values: list[float], baseline: list[float]) -> float:
    """In whole ten-thousandths, so that ties are ties."""
    differences = [round(10_000 * (a - b)) for a, b in zip(values, baseline, strict=True)]
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(abs(total) >= abs(sum(differences)) for total in sums) / len(sums)


@pytest.mark.parametrize(("values", "baseline"), PAIRS)
def test_sign_flip_is_the_share_of_all_signs(values: list[float], baseline: list[float]) -> None:
    assert sign_flip(values, baseline) == pytest.approx(enumerated_sign_flip(values, baseline), abs=1e-12)


def test_sign_flip_of_all_one_sign_is_the_smallest_p() -> None:
    for n, p in ((5, 0.0625), (6, 0.03125), (8, 0.0078125)):
        assert sign_flip([1.0 + i for i in range(n)], [0.0] * n) == pytest.approx(p)
        assert smallest_p([n]) == p


def enumerated_two_sample(values: list[float], baseline: list[float]) -> float:
    joint = [*values, *baseline]

    def t(chosen: tuple[int, ...]) -> float:
        first = [joint[i] for i in chosen]
        second = [joint[i] for i in range(len(joint)) if i not in chosen]
        return (mean(first) - mean(second)) / math.sqrt(variance(first) / len(first) + variance(second) / len(second))

    observed = t(tuple(range(len(values))))
    every = [t(chosen) for chosen in itertools.combinations(range(len(joint)), len(values))]
    above = sum(x >= observed - 1e-5 * abs(observed) for x in every) / len(every)
    below = sum(x <= observed + 1e-5 * abs(observed) for x in every) / len(every)
    return min(1.0, 2 * min(above, below))


@pytest.mark.parametrize("baseline", [[0.975, 0.980, 0.977, 0.974], [0.975, 0.9811, 0.9772]])
def test_two_sample_is_the_share_of_all_partitions(baseline: list[float]) -> None:
    values = [0.981, 0.9791, 0.984, 0.976, 0.9802]
    assert two_sample(values, baseline) == pytest.approx(enumerated_two_sample(values, baseline), abs=1e-12)


def test_two_sample_of_separate_samples_is_the_smallest_p() -> None:
    assert two_sample([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]) == pytest.approx(2 / 252)
    assert (smallest_p([5, 5]), smallest_p([6, 6])) == pytest.approx((0.00793651, 0.002164502))


def test_samples_without_spread_are_tested_too() -> None:
    assert two_sample([1.0, 1.0, 1.0], [2.0, 2.0, 2.0]) == pytest.approx(2 / 20)
    assert two_sample([1.0, 1.0], [1.0, 1.0]) == 1
    assert sign_flip([1.0, 1.0], [1.0, 1.0]) == 1


def test_many_pairs_are_drawn_with_the_same_p_each_time_and_near_the_exact_one() -> None:
    """Differences of size one: the number of positive signs is binomial, so the exact p is a sign test's."""
    values = [1.0] * 14 + [-1.0] * 6
    p = sign_flip(values, [0.0] * 20)
    assert p == sign_flip(values, [0.0] * 20)
    exact = binomtest(14, 20).pvalue
    assert abs(p - exact) < 5 * math.sqrt(exact * (1 - exact) / 20_000)
    assert smallest_p([20]) == pytest.approx(2 / 20_001)


def test_fewer_than_two_replicates_have_no_p() -> None:
    assert math.isnan(sign_flip([1.0], [2.0]))
    assert math.isnan(two_sample([1.0], [2.0, 3.0]))
    assert smallest_p([1]) == smallest_p([1, 5]) == 1


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        sign_flip([1.0, 2.0, 3.0], [1.0, 2.0])


def test_holm_by_hand() -> None:
    # Ascending .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and the last not below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


def test_what_was_not_tested_is_no_comparison() -> None:
    corrected = holm([0.01, math.nan, 0.04])
    assert (corrected[0], corrected[2]) == pytest.approx((0.02, 0.04))
    assert math.isnan(corrected[1])


def test_fewer_are_drawn_of_very_many_values() -> None:
    assert smallest_p([400]) == pytest.approx(2 / 20_001)
    assert smallest_p([1000, 1000]) == pytest.approx(2 / 5_001)
    assert smallest_p([10**8]) == pytest.approx(2 / 2_001)
    # Nothing can be more extreme than one arm wholly above the other.
    assert two_sample([2.0 + i for i in range(1000)], [-float(i) for i in range(1000)]) == pytest.approx(2 / 5_001)
