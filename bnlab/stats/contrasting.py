"""`Contrast`: the comparison of two arms, with everything that a table or a verdict says about them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import stdtr

from bnlab.stats.estimate import UNKNOWN, Interval, mean_difference, standard_error, superiority
from bnlab.stats.permutation import sign_flip, smallest_p, two_sample
from bnlab.stats.power import chance_to_find, seeds_for_equality, seeds_for_p, seeds_needed, visible_gap

FEWEST_PAIRS, FEWEST_UNPAIRED = 2, 4
"""The least pairs, or values per arm, to test a difference. With two or three values per arm Welch's t is too often
wrong if the spreads differ."""


@dataclass(frozen=True)
class Contrast:
    """Two arms. A replicate that failed has an infinite value, the worst one there is.

    Attributes:
        values: of the first arm.
        baseline: of the second arm; if paired, in the order of their partners.
        paired: whether values[i] and baseline[i] have the same seed.
        left_out: how many replicates of both arms were left out, since they have no partner.
        failing: whether any replicates of the arms failed, those left out included.
    """

    values: tuple[float, ...]
    baseline: tuple[float, ...]
    paired: bool
    left_out: int = 0
    failing: bool = False

    @cached_property
    def ns(self) -> tuple[int, ...]:
        """The number of pairs (n,), or of values of each arm (n1, n2)."""
        return tuple(len(sample) for sample in self._samples)

    @cached_property
    def by_ranks(self) -> bool:
        """Whether replicates failed: then ranks are compared, the failed ones last, and not means."""
        return self.failing or not np.isfinite([*self.values, *self.baseline]).all()

    @cached_property
    def difference(self) -> float:
        """The difference of the means; NaN if replicates failed, since the mean of the others would be too good."""
        return math.nan if self.by_ranks else mean_difference(self.values, self.baseline, paired=self.paired).mean

    def interval(self, alpha: float) -> Interval:
        """The t interval of the difference at confidence 1 - alpha; NaN if there is no difference or no spread."""
        if not self._has_t:
            return UNKNOWN
        return mean_difference(self.values, self.baseline, paired=self.paired, confidence=1 - alpha).interval

    @cached_property
    def p(self) -> float:
        """Two-sided p that the arms do not differ, uncorrected; NaN with too few values.

        By Student's t of the pairs, or Welch's t. If replicates failed, by the exact permutation test of the ranks,
        where failed ones share the last rank (for pairs the signed ranks of Wilcoxon 1945, else the ranks of Mann and
        Whitney 1947). Without any spread, where there is no t, by `sign_flip` or `two_sample`.
        """
        if min(self.ns) < self._fewest:
            return math.nan
        if self._has_t:
            error, df = standard_error(self.sds, self.ns)
            return float(2 * stdtr(df, -abs(self.difference) / error))
        first, second = self._ranks() if self.by_ranks else (self.values, self.baseline)
        return sign_flip(first, second) if self.paired else two_sample(first, second)

    def equality_p(self, margin: float) -> float:
        """P of the two one-sided tests that the difference of the means is not within +- margin; NaN without a t.

        Source: Schuirmann, A comparison of the two one-sided tests procedure and the power approach, Journal of
        Pharmacokinetics and Biopharmaceutics 15 (1987).
        """
        if not self._has_t:
            return math.nan
        error, df = standard_error(self.sds, self.ns)
        return float(stdtr(df, (abs(self.difference) - margin) / error))

    @property
    def direction(self) -> int:
        """The sign of what `p` tests: 1 if the first arm's values are higher, -1 if they are lower, else 0."""
        first, second = self._ranks() if self.by_ranks else (self.values, self.baseline)
        return int(np.sign(np.round(np.mean(first) - np.mean(second), 12)))

    @property
    def superiority(self) -> float:
        """The probability that a replicate of the first arm is above one of the second."""
        return superiority(self.values, self.baseline)

    @cached_property
    def sds(self) -> tuple[float, ...]:
        """The sd of the pairs' differences, or of each arm; NaN with fewer than two values, or if one failed."""
        known = not self.by_ranks
        return tuple(float(np.std(own, ddof=1)) if known and len(own) > 1 else math.nan for own in self._samples)

    @property
    def smallest_p(self) -> float:
        """The smallest p that is possible with this number of replicates."""
        if min(self.ns) < self._fewest:
            return 1.0
        return 0.0 if self._has_t else smallest_p(self.ns)

    def visible_gap(self, alpha: float) -> float:
        """The smallest true gap that would be found with probability .8; NaN without any spread."""
        return visible_gap(self.sds, self.ns, alpha) if self._has_t else math.nan

    def power(self, gap: float, alpha: float) -> float:
        """The probability to find a true gap of this size, if the sd is the observed one; NaN without any spread."""
        return chance_to_find(gap, self.sds, self.ns, alpha) if self._has_t else math.nan

    def seeds_for(self, gap: float, alpha: float, *, equality: bool = False) -> int | None:
        """The seeds per arm needed to find this gap, or with `equality` to show that there is none; None if unknown."""
        plan = seeds_for_equality if equality else seeds_needed
        return plan(gap, self.sds, self.ns, alpha) if self._has_t else None

    def seeds_at_least(self, alpha: float) -> int | None:
        """The least seeds per arm with which anything can be found; None if no number is enough."""
        if self._has_t or (min(self.ns) < self._fewest and not self.by_ranks):
            return self._fewest
        return seeds_for_p(len(self.ns), alpha)

    @property
    def _fewest(self) -> int:
        return FEWEST_PAIRS if self.paired else FEWEST_UNPAIRED

    @cached_property
    def _samples(self) -> tuple[Sequence[float], ...]:
        if not self.paired:
            return self.values, self.baseline
        # Rounded, so that differences that are equal except for rounding errors have no spread.
        return (_differences(self.values, self.baseline).round(12).tolist(),)

    @cached_property
    def _has_t(self) -> bool:
        return min(self.ns) >= self._fewest and sum(self.sds) > 0

    def _ranks(self) -> tuple[list[float], list[float]]:
        """The ranks that take the values' places in the exact tests: for pairs, signed ranks of their differences."""
        if self.paired:
            differences = _differences(self.values, self.baseline)
            signed = np.sign(differences) * scipy.stats.rankdata(np.abs(differences))
            return signed.tolist(), [0.0] * len(signed)
        ranks = scipy.stats.rankdata([*self.values, *self.baseline]).tolist()
        return ranks[: len(self.values)], ranks[len(self.values) :]


def _differences(values: Sequence[float], baseline: Sequence[float]) -> NDArray[np.float64]:
    """Values minus baseline; 0 between two that failed."""
    first, second = np.asarray(values, dtype=float), np.asarray(baseline, dtype=float)
    differences: NDArray[np.float64] = np.subtract(first, second, where=first != second, out=np.zeros(len(first)))
    return differences
