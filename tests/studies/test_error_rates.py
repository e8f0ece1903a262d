"""How often a study of four hypotheses about equal arms says that they differ, by simulation with 8 seeds.

The long form is tests/benchmarks/error_rates_of_studies.py, whose table is in docs/statistics.md.
"""

from __future__ import annotations

import gc

import pytest
import scipy.stats

from tests.benchmarks.error_rates_of_studies import false_shares

STUDIES = 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["skewed", "rounded", "failing"])
def test_either_word_is_said_wrongly_in_at_most_one_of_twenty(kind: str) -> None:
    """As far as so many studies can tell: with a true share of .05 each would fail once in 200 times."""
    gc.freeze()  # statsmodels collects garbage in each correction, and all that is imported is none
    shares = false_shares(STUDIES, 4, 8, kind)
    gc.unfreeze()
    most = scipy.stats.binom.ppf(0.995, STUDIES, 0.05) / STUDIES
    assert all(share <= most for share in shares)
