"""What the statistics promise over many repetitions, by simulation with fixed seeds."""

import gc

import numpy as np
import pytest

from bnlab.stats import holm, mean_difference, sign_flips, t_interval, two_samples


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
