"""What the statistics promise over many repetitions, by simulation with fixed seeds."""

import gc
import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest

from bnlab.stats import holm, lead_p, mean_difference, sign_flips, t_interval, two_samples


@pytest.mark.parametrize("n", [3, 5, 8, 20])
def test_the_95_percent_interval_of_a_mean_covers_95_percent(n: int) -> None:
    """4,000 samples: the standard error of the rate is .0034."""
    draws = np.random.default_rng(n).normal(0.97, 0.002, size=(4000, n))
    intervals = [t_interval(row.tolist()) for row in draws]
    assert 0.93 < np.mean([low <= 0.97 <= high for low, high in intervals]) < 0.97


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [5, 8, 20])
def test_the_95_percent_interval_of_a_difference_covers_95_percent(n: int, paired: bool) -> None:
    """Pairs share half of their variance; without pairs, one arm has twice the other's sd."""
    generator = np.random.default_rng(n)
    shared = generator.normal(size=(4000, n)) * paired
    values = 0.3 + shared + generator.normal(size=(4000, n))
    baseline = shared + generator.normal(size=(4000, n)) * (1 if paired else 2)
    intervals = [
        mean_difference(a.tolist(), b.tolist(), paired=paired).interval for a, b in zip(values, baseline, strict=True)
    ]
    assert 0.93 < np.mean([low <= 0.3 <= high for low, high in intervals]) < 0.97


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [5, 8, 20])
def test_family_wise_error_over_six_identical_arms(n: int, paired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 5 comparisons with a baseline: how often any of them is found to differ. 2,000 families.

    1,000 random arrangements are enough for the level, which holds at any number of them.
    """
    # statsmodels collects garbage at every call of Holm's correction, 60 ms each.
    monkeypatch.setattr(gc, "collect", lambda: 0)
    base, *others = np.random.default_rng(n).normal(0.97, 0.002, size=(6, 2000, n))
    p_values = [sign_flips(arm - base, 999) if paired else two_samples(arm, base, 999) for arm in others]
    errors = np.mean([min(holm(family)) <= 0.05 for family in np.transpose(p_values).tolist()])
    assert errors <= 0.05
    # With five pairs nothing can be found; else a test that never finds anything would pass too.
    assert (errors == 0) == (paired and n == 5)


FAMILIES = 2000
MOST = 0.05 + 4 * math.sqrt(0.05 * 0.95 / FAMILIES)
"""A rate of .05 is above this in one simulation of 30,000."""


class Found(NamedTuple):
    """Rates of mistakes, and of leads found."""

    leads: float
    false_leads: float
    false_pairs: float


def reports(levels: list[float], n: int, *, paired: bool) -> Found:
    """What reports without a baseline claim of arms with these true means, in standard deviations of a value.

    As a report does: the arm with the best mean has a lead if `lead_p` is at most .05; the pairs that this does not
    settle are corrected by `holm`. A pair of equal arms found to differ is a mistake of a pair, a lead of an arm
    that is not the only best one a mistake of the lead.
    """
    arms = np.random.default_rng(n).normal(size=(len(levels), FAMILIES, n)) + np.reshape(levels, (-1, 1, 1))
    pairs = list(combinations(range(len(levels)), 2))
    p_values = np.transpose(
        [sign_flips(arms[i] - arms[j], 999) if paired else two_samples(arms[i], arms[j], 999) for i, j in pairs]
    )
    best = arms.mean(-1).argmax(0)
    leads = false_leads = false_pairs = 0
    for first, family in zip(best.tolist(), p_values.tolist(), strict=True):
        own = dict(zip(pairs, family, strict=True))
        lead = lead_p([p for pair, p in own.items() if first in pair]) <= 0.05
        rest = {pair: p for pair, p in own.items() if not (lead and first in pair)}
        real = [pair for pair, p in zip(rest, holm(list(rest.values())), strict=True) if p <= 0.05]
        leads += lead
        false_leads += lead and levels.count(max(levels)) > 1
        false_pairs += any(levels[i] == levels[j] for i, j in real)
    return Found(leads / FAMILIES, false_leads / FAMILIES, false_pairs / FAMILIES)


@pytest.fixture
def no_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """As statsmodels collects garbage at every call of Holm's correction, 60 ms each."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize(("n", "paired"), [(12, True), (6, False)])
@pytest.mark.parametrize(
    "levels",
    [[0.0] * 6, [9.0, 9.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]],
    ids=["six equal", "two on top", "three on top", "one on top", "four equal"],
)
def test_mistakes_of_the_lead_and_of_all_pairs(levels: list[float], n: int, paired: bool) -> None:
    """Each kind of claim is wrong in at most 5 % of reports, wherever the equal arms stand."""
    found = reports(levels, n, paired=paired)
    assert found.false_leads <= MOST
    assert found.false_pairs <= MOST
    # A procedure that finds nothing would pass too.
    assert (found.leads == 1) == (levels.count(max(levels)) == 1)
    assert found.false_pairs > 0


@pytest.mark.usefixtures("no_garbage")
def test_the_level_of_the_lead_is_used_up_by_two_equal_arms_on_top() -> None:
    """Its worst case: with more equal arms on top it is wrong less often, as it has to be ahead of all of them."""
    two, three = (reports([9.0] * equal + [0.0, 0.0], 12, paired=True) for equal in (2, 3))
    assert 0.05 - 4 * math.sqrt(0.05 * 0.95 / FAMILIES) < two.false_leads
    assert three.false_leads < two.false_leads
