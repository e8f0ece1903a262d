"""Decides claims that were written down before their values were seen.

A claim is about pairs: values and baseline with the same seeds. Greater is better; a failed replicate is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from bnlab.stats.contrasting import FEWEST_PAIRS, Contrast
from bnlab.stats.correction import holm
from bnlab.stats.estimate import Interval
from bnlab.stats.permutation import smallest_p
from bnlab.stats.power import MOST_SEEDS

LEVEL = 0.05


class Word(StrEnum):
    """The verdict on a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    EQUAL = "practically equal"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Claim:
    """Two arms with the same seeds, and what was claimed of them beforehand.

    Attributes:
        values: of the first arm, one for each seed; greater is better.
        baseline: of the second arm, in the same order of seeds.
        margin: 0 or more, in the unit of the values.
        within: True: the arms differ by no more than the margin. False: values are above the baseline by more than it.
    """

    values: tuple[float, ...]
    baseline: tuple[float, ...]
    margin: float
    within: bool

    @cached_property
    def contrast(self) -> Contrast:
        """The arms as they are."""
        return Contrast(self.values, self.baseline, paired=True)

    @cached_property
    def above(self) -> Contrast:
        """The comparison with the baseline plus the margin: positive if values are above by more than the margin."""
        return self._beyond(self.margin)

    @cached_property
    def below(self) -> Contrast:
        """The comparison with the baseline minus the margin: negative if values are below by more than the margin."""
        return self._beyond(-self.margin)

    @cached_property
    def main_p(self) -> float:
        """P of what was claimed, uncorrected; NaN with fewer than two pairs."""
        return self._within_p if self.within else self.above.p

    @cached_property
    def other_p(self) -> float:
        """P of the alternative verdict: that the arms are within the margin, or, if that was claimed, beyond it."""
        if self.within:
            return self._beyond_p
        return self._within_p if self.margin else math.nan

    @property
    def _within_p(self) -> float:
        """Two one-sided tests (Schuirmann 1987): the larger p of not being above, and of not being below."""
        return float(np.max([_one_sided(self.above, -1), _one_sided(self.below, 1)]))

    @property
    def _beyond_p(self) -> float:
        """Two-sided p that the difference is at an end of the margin, if the observed one is outside of it; else 1."""
        if math.isnan(self.above.p):
            return math.nan
        return float(min([*(each.p for each in self._outside()), 1.0]))

    def _outside(self) -> list[Contrast]:
        return [each for each, side in ((self.above, 1), (self.below, -1)) if each.direction == side]

    def _beyond(self, margin: float) -> Contrast:
        return Contrast(self.values, tuple(value + margin for value in self.baseline), paired=True)

    def seeds_to_settle(self, level: float) -> int | None:
        """The seeds with which a true effect of the observed size would be decided 4 times in 5; None: over 500."""
        if not self.within:
            return self.above.seeds_for(abs(self.above.difference), level)
        room = self.margin - abs(self.contrast.difference)
        if room > 0:
            return self.contrast.seeds_for(room, level, equality=True)
        return self.contrast.seeds_for(-room, level) if room else None


@dataclass(frozen=True)
class Decision:
    """The decision on a claim.

    Attributes:
        claim: what was claimed.
        word: the verdict.
        p: of the test that gave the verdict, of what was claimed or of the alternative, corrected by Holm over claims.
            For an inconclusive claim it is that of what was claimed; NaN with fewer than two pairs.
        level: the level that its uncorrected p had to reach, at its step of Holm's correction.
    """

    claim: Claim
    word: Word
    p: float
    level: float

    @property
    def difference(self) -> float:
        """The difference of the means, values minus baseline; NaN if replicates failed."""
        return self.claim.contrast.difference

    @property
    def interval(self) -> Interval:
        """The interval of the difference, at the level of the test that gave the verdict, so that it agrees with it.

        NaN if replicates failed.
        """
        return self.claim.contrast.interval(self._alpha)

    @property
    def confidence(self) -> float:
        """The confidence of the interval."""
        return 1 - self._alpha

    @property
    def _alpha(self) -> float:
        """Two one-sided tests, those of being within the margin, correspond to an interval of twice their level."""
        of_equality = self.claim.within and self.word != Word.CONTRADICTED
        return min(1.0, 2 * self.level) if of_equality or self.word == Word.EQUAL else self.level

    @property
    def more_seeds(self) -> int | None:
        """How many more seeds would decide a true effect of the observed size; None: unknown, or over 500."""
        if self.word != Word.INCONCLUSIVE:
            return 0
        wanted = self.claim.seeds_to_settle(self.level)
        return None if wanted is None else max(1, wanted - len(self.claim.values))


def decide(claims: Sequence[Claim]) -> list[Decision]:
    """Decides all claims of a study.

    There are two families of tests, each corrected by Holm (1979) at .05: what was claimed, and the alternatives. So
    the chance that any claim of the study is wrongly called supported is at most .05, and so is the chance that any is
    wrongly called the opposite.
    """
    main, other = _tested([claim.main_p for claim in claims]), _tested([claim.other_p for claim in claims])
    return list(map(_decision, claims, main, other))


@dataclass(frozen=True)
class _Tested:
    """A test's p, corrected by Holm, and the level that its uncorrected p had to reach."""

    p: float
    level: float


def _tested(p_values: Sequence[float]) -> list[_Tested]:
    return list(map(_Tested, holm(p_values), _levels(p_values)))


def _decision(claim: Claim, main: _Tested, other: _Tested) -> Decision:
    word, by = Word.INCONCLUSIVE, main
    if main.p <= LEVEL and (claim.within or claim.above.direction > 0):
        word = Word.SUPPORTED
    elif other.p <= LEVEL:
        word, by = Word.CONTRADICTED if claim.within else Word.EQUAL, other
    elif main.p <= LEVEL:
        word = Word.CONTRADICTED
    return Decision(claim, word, by.p, by.level)


def seeds_to_decide(exact: Sequence[bool]) -> int:
    """The fewest seeds with which every claim of a study can be decided, if the results are as clear as possible.

    With t two pairs can be enough. An exact test has a smallest p: 2 / 2^n with n pairs, and half of that for a claim
    of equality. All claims that are tested exactly may have it, so Holm's first step is over them.

    Args:
        exact: for each claim that is tested exactly, since its values may have no spread or be infinite, whether it
            claims equality.

    Raises:
        ValueError: no number up to 500 is enough.
    """
    for seeds in range(FEWEST_PAIRS, MOST_SEEDS + 1):
        smallest = [smallest_p([seeds]) / (2 if within else 1) for within in exact]
        if all(p <= level for p, level in zip(smallest, _levels(smallest), strict=True)):
            return seeds
    raise ValueError(f"{len(exact)} claims cannot be decided by {MOST_SEEDS} seeds")


def _one_sided(contrast: Contrast, side: int) -> float:
    """P that the difference is not on this side of 0: half of the two-sided p if the observed one is there."""
    return contrast.p / 2 if contrast.direction == side else 1 - contrast.p / 2


def _levels(p_values: Sequence[float]) -> list[float]:
    """The level that each uncorrected p must reach by Holm: .05 / (tests left at its step, or at the first failure)."""
    tested = sorted(p for p in p_values if not math.isnan(p))
    count = len(tested)
    failing = next((step for step, p in enumerate(tested) if p * (count - step) > LEVEL), count)
    last = LEVEL / max(1, count - failing)
    return [LEVEL / (count - tested.index(p)) if p in tested[:failing] else last for p in p_values]
