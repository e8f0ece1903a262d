"""What the statistics promise in many repetitions, by simulation; of whole reports tests/report/test_error_rates.py."""

import numpy as np
import pytest

from bnlab.stats import mean_difference, t_interval


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
