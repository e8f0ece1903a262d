"""Claims that were written down beforehand: the words, Holm's steps, and how often a word is false."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
import scipy

from bnlab import stats
from bnlab.stats import Claim, Word, decide
from bnlab.stats.deciding import _levels

SPREAD = (0.3, -0.2, 0.1, -0.4, 0.2, 0.1, -0.3, 0.2)


def claim(difference: float, margin: float = 0.0, *, within: bool = False) -> Claim:
    return Claim(tuple(difference + each for each in SPREAD), (0.0,) * len(SPREAD), margin, within)


@pytest.mark.parametrize(
    ("of", "word"),
    [
        (claim(2), Word.SUPPORTED),
        (claim(-2), Word.CONTRADICTED),
        (claim(0.01), Word.INCONCLUSIVE),
        (claim(2, 1), Word.SUPPORTED),
        (claim(0.01, 1), Word.EQUAL),
        (claim(1, 1), Word.INCONCLUSIVE),
        (claim(-2, 1), Word.CONTRADICTED),
        (claim(0.01, 1, within=True), Word.SUPPORTED),
        (claim(2, 1, within=True), Word.CONTRADICTED),
        (claim(-2, 1, within=True), Word.CONTRADICTED),
        (claim(1, 1, within=True), Word.INCONCLUSIVE),
    ],
)
def test_the_four_words(of: Claim, word: Word) -> None:
    (decision,) = decide([of])
    assert decision.word == word
    low, high = decision.interval
    if word == Word.SUPPORTED and of.within:
        assert -of.margin < low < high < of.margin
    elif word == Word.SUPPORTED:
        assert low > of.margin
    elif word == Word.CONTRADICTED:
        assert high < of.margin or low > of.margin
    elif word == Word.EQUAL:
        assert -of.margin < low < high < of.margin


def test_p_and_interval_are_of_the_test_that_gave_the_verdict() -> None:
    """Beside the contradiction of an equality the p of the equality would be large, and say nothing."""
    (contradicted,) = decide([claim(2, 1, within=True)])
    values = [2 + each for each in SPREAD]
    assert contradicted.p == pytest.approx(scipy.stats.ttest_1samp(values, 1).pvalue)
    assert contradicted.confidence == 0.95
    interval = scipy.stats.ttest_1samp(values, 1).confidence_interval(0.95)
    assert contradicted.interval == pytest.approx((interval.low, interval.high))
    (equal,) = decide([claim(0.01, 1)])
    assert equal.p == pytest.approx(scipy.stats.ttest_1samp([0.01 + x for x in SPREAD], 1, alternative="less").pvalue)
    assert equal.confidence == pytest.approx(0.9)


def test_p_is_that_of_scipys_t_tests() -> None:
    values = [1.2 + each for each in SPREAD]
    assert claim(1.2, 1).main_p == pytest.approx(scipy.stats.ttest_1samp(values, 1).pvalue)
    upper = scipy.stats.ttest_1samp([0.2 + each for each in SPREAD], 1, alternative="less").pvalue
    lower = scipy.stats.ttest_1samp([0.2 + each for each in SPREAD], -1, alternative="greater").pvalue
    assert claim(0.2, 1, within=True).main_p == pytest.approx(max(upper, lower))


def test_seeds_that_failed_are_the_worst_and_never_dropped() -> None:
    infinite = Claim((0.0,) * 8, (-math.inf,) * 8, 0.0, within=False)
    (decision,) = decide([infinite])
    assert decision.word == Word.SUPPORTED
    assert decision.p == pytest.approx(2 / 2**8)
    assert math.isnan(decision.difference)
    both = Claim((-math.inf,) * 8, (-math.inf,) * 8, 1.0, within=False)
    assert decide([both])[0].word != Word.SUPPORTED
    some = Claim((5.0,) * 6 + (-math.inf,) * 2, (4.0,) * 8, 0.0, within=False)
    assert decide([some])[0].word == Word.INCONCLUSIVE


def test_equal_values_without_any_spread_are_equal() -> None:
    same = Claim((0.9,) * 8, (0.9,) * 8, 0.1, within=True)
    (decision,) = decide([same])
    assert decision.word == Word.SUPPORTED
    assert decision.p == pytest.approx(1 / 2**8)
    assert decide([Claim((0.9,) * 4, (0.9,) * 4, 0.1, within=True)] * 2)[0].word == Word.INCONCLUSIVE


def test_levels_are_those_of_holms_steps() -> None:
    p_values = [0.001, 0.04, 0.012, math.nan, 0.6]
    corrected = stats.holm(p_values)
    for p, corrected_p, level in zip(p_values, corrected, _levels(p_values), strict=True):
        if not math.isnan(p):
            assert (p <= level) == (corrected_p <= 0.05)
    assert _levels([0.001, 0.04, 0.012, 0.6]) == pytest.approx([0.05 / 4, 0.05 / 2, 0.05 / 3, 0.05 / 2])


@pytest.mark.parametrize(("exact", "seeds"), [([], 2), ([False], 6), ([True], 5), ([False] * 4, 8), ([False] * 6, 8)])
def test_the_seeds_below_which_nothing_can_be_decided(exact: list[bool], seeds: int) -> None:
    """Of 6 pairs the smallest p is 2 / 64 = .031, of 8 it is 2 / 256 = .0078, which six claims may have at once."""
    assert stats.seeds_to_decide(exact) == seeds
    claims = [
        Claim((0.0,) * seeds, (-math.inf,) * seeds, 0.0, within=False) for is_equality in exact if not is_equality
    ]
    assert all(decision.word == Word.SUPPORTED for decision in decide(claims))


def test_an_inconclusive_claim_says_how_many_seeds_would_do() -> None:
    (decision,) = decide([claim(0.1)])
    assert decision.word == Word.INCONCLUSIVE
    wanted = stats.seeds_needed(0.1, [float(np.std(SPREAD, ddof=1))], [8])
    assert wanted is not None
    assert decision.more_seeds == pytest.approx(wanted - 8, abs=3)
    assert decide([claim(2)])[0].more_seeds == 0


@pytest.mark.parametrize("claims", [1, 4])
def test_equal_arms_are_seldom_called_different(claims: int) -> None:
    """The long form is tests/benchmarks/error_rates_of_studies.py."""
    rng = np.random.default_rng(0)
    studies, false = 100, 0
    gc.freeze()  # statsmodels collects garbage in each correction, and all that is imported is none
    for _ in range(studies):
        arms = rng.normal(size=(2, claims, 8)) + rng.normal(size=(1, claims, 8))
        decided = decide([Claim(tuple(a), tuple(b), 0.0, within=False) for a, b in zip(*arms.tolist(), strict=True)])
        false += any(each.word in (Word.SUPPORTED, Word.CONTRADICTED) for each in decided)
    gc.unfreeze()
    assert false / studies <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / studies)
