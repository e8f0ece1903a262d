"""One arm held against another: everything that a table or a verdict says about the two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

from bnlab.stats.estimate import Difference, mean_difference, superiority
from bnlab.stats.permutation import sign_flip, smallest_p, two_sample
from bnlab.stats.power import seeds_for_p, seeds_needed, visible_gap


@dataclass(frozen=True)
class Contrast:
    """A comparison of two arms, in the unit of the values.

    Attributes:
        paired: whether replicates were compared in pairs.
        ns: the number of pairs, or of values of the two arms.
        sds: of the differences of pairs, or of the two arms; NaN with fewer than two.
        difference: of the means, with its 95 % interval.
        p: of the permutation test, uncorrected; NaN with fewer than two values.
        superiority: the probability that a replicate of the first arm is above one of the other.
    """

    paired: bool
    ns: tuple[int, ...]
    sds: tuple[float, ...]
    difference: Difference
    p: float
    superiority: float

    @property
    def smallest_p(self) -> float:
        """The smallest p that so many replicates can give."""
        return smallest_p(self.ns)

    def visible_gap(self, alpha: float) -> float:
        """The smallest gap that would have been found with probability .8; NaN without a spread to tell from."""
        return math.nan if self._spread_unknown else visible_gap(self.sds, self.ns, alpha)

    def more_seeds(self, gap: float, alpha: float) -> int | None:
        """How many more seeds per arm find that gap with probability .8; None if that cannot be told."""
        total = None if self._spread_unknown else seeds_needed(gap, self.sds, alpha)
        return None if total is None else max(0, total - min(self.ns))

    def seeds_at_least(self, alpha: float) -> int | None:
        """The seeds per arm below which nothing can be found; None if no number will do."""
        return seeds_for_p(len(self.ns), alpha)

    @property
    def _spread_unknown(self) -> bool:
        return any(math.isnan(sd) for sd in self.sds)


def contrast(values: Sequence[float], baseline: Sequence[float], *, paired: bool) -> Contrast:
    """Values held against baseline: `mean_difference`, `sign_flip` or `two_sample`, and `superiority`.

    Raises:
        ValueError: the samples are paired and differ in length.
    """
    test = sign_flip if paired else two_sample
    samples = [[a - b for a, b in zip(values, baseline, strict=True)]] if paired else [values, baseline]
    return Contrast(
        paired=paired,
        ns=tuple(len(sample) for sample in samples),
        sds=tuple(stdev(sample) if len(sample) > 1 else math.nan for sample in samples),
        difference=mean_difference(values, baseline, paired=paired),
        p=test(values, baseline),
        superiority=superiority(values, baseline),
    )
