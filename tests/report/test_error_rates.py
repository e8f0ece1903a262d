"""What a report says is false in at most one of twenty, by simulation; `error_rates` says of what."""

import math

import pytest

from .error_rates import MARGIN, SCENARIOS, covered_without_failures, gap, rates

REPORTS = 100
MOST = 0.05 + 3.3 * math.sqrt(0.05 * 0.95 / REPORTS)
"""A rate of .05 is above this in one simulation of 1,000; the rates before were .13 to .25."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_five_percent_of_reports_say_something_false_at_most(name: str) -> None:
    found = rates(SCENARIOS[name], 5, baseline=True, skewed=True, reports=REPORTS, margin=MARGIN)
    assert found.false <= MOST
    assert found.together >= 1 - MOST


def test_five_seeds_can_give_a_verdict() -> None:
    """A gap of two standard deviations (.3 points) was never found: the sign-flip's smallest p of 5 pairs is .0625."""
    assert 0.6 < rates(gap, 5, baseline=False, skewed=False, reports=REPORTS).found < 0.95


def test_the_interval_of_a_pair_without_failures_holds_where_others_diverge() -> None:
    """A table had 92.3 % of a few dozen such pairs of 8 seeds; of 27,397 it is 94.7 %, see docs/statistics.md."""
    assert 0.9 < covered_without_failures(5, 200) < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("n", [5, 8, 20])
def test_so_with_all_arms_against_each_other(name: str, n: int) -> None:
    found = rates(SCENARIOS[name], n, baseline=False, skewed=True, reports=REPORTS, margin=MARGIN)
    assert found.false <= MOST
    assert found.together >= 1 - MOST
