"""Which arms are held against which, and what came out of it.

All that one report tests is one family: m tests, each at a level of .05 / m (Bonferroni), so that the chance of any
false finding in it is at most .05, and the intervals of level 1 - .05 / m hold together and say the same as the p.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bnlab import stats
from bnlab.report.comparison import images
from bnlab.report.comparison.images import ArmAnswers

LEVEL = 0.05
MOST_PAIRED_ARMS = 12
"""Without a baseline every arm is held against every other one; of more arms that would be too many comparisons."""

COLUMNS = [
    *("first", "second", "method", "n", "left_out", "difference", "low", "high", "p", "p_corrected", "tests"),
    *("better", "failures_p_corrected", "low_images", "high_images", "p_corrected_images"),
]

Values = Mapping[str, "pd.Series[float]"]
"""Of each arm, best first: the metric by seed, infinite where the seed diverged."""

Failures = tuple[int, int]
"""How many seeds diverged, and of how many."""


@dataclass(frozen=True)
class Pair:
    """Two arms, the first with the better mean or held against the second as its baseline.

    Attributes:
        settled: whether the established lead of the best arm, one of the two, says it already.
        family: how many tests the report makes.
        failures: of each arm how many seeds diverged, of how many.
        crossed: the difference over seeds and test images; None where no answers are kept, or seeds diverged.
    """

    first: str
    second: str
    contrast: stats.Contrast
    settled: bool
    family: int
    failures: tuple[Failures, Failures]
    crossed: stats.Crossed | None = None

    @property
    def p(self) -> float:
        """Corrected; NaN where there are too few replicates to test."""
        return corrected(self.contrast.p, self.family)

    @property
    def level(self) -> float:
        """What the uncorrected p has to reach."""
        return LEVEL / self.family

    @property
    def interval(self) -> stats.Interval:
        """Of the difference, so wide that those of all pairs hold together."""
        return self.contrast.interval(self.level)

    @property
    def real(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p <= LEVEL

    @property
    def fails_more(self) -> bool:
        """Whether one of the two is established to diverge more often."""
        return self.failures_p <= LEVEL

    @property
    def failures_p(self) -> float:
        """Corrected p of Fisher's exact test that both diverge equally often; NaN if none of their seeds did."""
        return corrected(failures_p(*self.failures), self.family)

    @property
    def images_p(self) -> float:
        """Corrected p that the arms do not differ over seeds and images; NaN where that is not known."""
        return crossed_p(self.crossed, self.family)

    @property
    def images_interval(self) -> stats.Interval:
        """Of the difference over seeds and images, as wide as `interval`; NaN where that is not known."""
        return self.crossed.interval(self.level) if self.crossed else stats.Interval(math.nan, math.nan)

    @property
    def hopeless(self) -> bool:
        """Whether so few replicates could not have shown any difference, however large."""
        return self.contrast.smallest_p > self.level

    def equality_p(self, margin: float) -> float:
        """Corrected p of the claim that the difference is within +- margin."""
        return corrected(self.contrast.equality_p(margin), self.family)

    def is_equal(self, margin: float | None) -> bool:
        """Whether that is established."""
        return margin is not None and self.equality_p(margin) <= LEVEL


@dataclass(frozen=True)
class Lead:
    """The best mean of the arms without failures, and the closest arm that its lead is or is not established over.

    Attributes:
        p: of the claim that it is ahead of every other one, corrected; of the two arms only if not established.
        images_p: of the same claim over seeds and test images; NaN where that is not known.
    """

    first: str
    second: str
    contrast: stats.Contrast
    p: float
    images_p: float = math.nan

    @property
    def real(self) -> bool:
        """Whether it is ahead of every other arm by more than chance."""
        return self.p <= LEVEL


def corrected(p: float, family: int) -> float:
    """Bonferroni's p of one among so many tests; NaN stays NaN."""
    return min(1.0, p * family) if not math.isnan(p) else p


def crossed_p(crossed: stats.Crossed | None, family: int) -> float:
    """Bonferroni's p of a difference over seeds and images; NaN without one."""
    return corrected(crossed.p, family) if crossed else math.nan


def hold(
    values: Values, baseline: str | None, answers: Mapping[str, ArmAnswers] | None = None
) -> tuple[list[Pair], Lead | None]:
    """Every arm against the baseline; without one every two arms, the better one first, if they are at most 12.

    With them the lead of the best arm, which is one test more unless its comparisons are among these.

    Args:
        values: from `seeds.values`.
        baseline: the arm that the others are held against, or None.
        answers: from `images.read`.
    """
    known = answers or {}
    some = [arm for arm in values if len(values[arm])]
    if baseline:
        chosen = [(arm, baseline) for arm in some if arm != baseline and baseline in some]
    else:
        chosen = list(combinations(some, 2)) if len(values) <= MOST_PAIRED_ARMS else []
    contrasts = [contrast(values[a], values[b]) for a, b in chosen]
    failed = [(failures(values[a]), failures(values[b])) for a, b in chosen]
    p_values = [*(found.p for found in contrasts), *(failures_p(*both) for both in failed)]
    tests = sum(not math.isnan(p) for p in p_values)
    inside = len(chosen) == len(some) * (len(some) - 1) // 2
    family = max(1, tests + (not inside))
    leading = lead(values, family, known)
    ahead = leading.first if leading and leading.real else None
    held = [
        Pair(a, b, found, ahead in (a, b) and not found.by_ranks, family, both, _crossed(known, a, b, found))
        for (a, b), found, both in zip(chosen, contrasts, failed, strict=True)
    ]
    return held, leading


def _crossed(known: Mapping[str, ArmAnswers], a: str, b: str, found: stats.Contrast) -> stats.Crossed | None:
    return None if found.by_ranks else images.difference(known.get(a), known.get(b), paired=found.paired)


def lead(values: Values, family: int, answers: Mapping[str, ArmAnswers]) -> Lead | None:
    """The best arm against each other one in turn, down to the first over which it has no established lead.

    Only arms of which no seed failed: the others have no mean to be ranked by.
    """
    arms = [arm for arm in values if len(values[arm]) and not failures(values[arm])[0]]
    closest: Lead | None = None
    p_values: list[float] = []
    images_p: list[float] = []
    for other in arms[1:]:
        found = contrast(values[arms[0]], values[other])
        against = Lead(arms[0], other, found, corrected(found.p, family))
        if not against.real:
            return against
        closest = closest or against
        p_values.append(against.p)
        images_p.append(crossed_p(_crossed(answers, arms[0], other, found), family))
    return closest and Lead(
        closest.first, closest.second, closest.contrast, stats.lead_p(p_values), stats.lead_p(images_p)
    )


def failures(values: "pd.Series[float]") -> Failures:
    """How many seeds of an arm diverged, of how many."""
    return int(np.isinf(values.to_numpy()).sum()), len(values)


def failures_p(first: Failures, second: Failures) -> float:
    """Fisher's exact p that two arms fail equally often; NaN if neither ever did."""
    return stats.fisher(first, second) if first[0] or second[0] else math.nan


def contrast(values: "pd.Series[float]", base: "pd.Series[float]") -> stats.Contrast:
    """In pairs of the seeds that both have, where these are at least half of the smaller arm's.

    Such replicates share their weights and batches. What decides are the seeds alone, never what came out.
    """
    common = values.index.intersection(base.index)
    if not len(common) or 2 * len(common) < min(len(values), len(base)):
        return stats.Contrast(tuple(values), tuple(base), paired=False)
    return stats.Contrast(
        tuple(values[common]),
        tuple(base[common]),
        paired=True,
        left_out=len(values) + len(base) - 2 * len(common),
        failing=failures(values)[0] + failures(base)[0] > 0,
    )


def frame(found: Sequence[Pair], *, higher: bool) -> pd.DataFrame:
    """One row per pair, in the metric's own unit; higher: whether more of it is better."""
    rows = [
        {
            "first": pair.first,
            "second": pair.second,
            "method": method(pair.contrast),
            "n": min(pair.contrast.ns),
            "left_out": pair.contrast.left_out,
            "difference": pair.contrast.difference,
            **pair.interval._asdict(),
            "p": pair.contrast.p,
            "p_corrected": pair.p,
            "tests": pair.family,
            "better": pair.contrast.superiority if higher else 1 - pair.contrast.superiority,
            "failures_p_corrected": pair.failures_p,
            "low_images": pair.images_interval.low,
            "high_images": pair.images_interval.high,
            "p_corrected_images": pair.images_p,
        }
        for pair in found
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def as_data(found: Sequence[Pair]) -> list[dict[str, Any]]:
    """Every pair with what was tested of it, in the metric's own unit; NaN where there is no number."""
    return [
        {
            "arms": [pair.first, pair.second],
            "method": method(pair.contrast),
            "n": pair.contrast.ns,
            "left_out": pair.contrast.left_out,
            "effect": pair.contrast.difference,
            "interval_alone": pair.contrast.interval(LEVEL),
            "interval_together": pair.interval,
            "p": pair.contrast.p,
            "p_corrected": pair.p,
            "interval_together_over_images": pair.images_interval,
            "p_corrected_over_images": pair.images_p,
            "differ": pair.real,
            "too_few_seeds": pair.hopeless,
            "diverged": pair.failures,
            "diverged_p_corrected": pair.failures_p,
            "probability_above": pair.contrast.superiority,
        }
        for pair in found
    ]


def method(found: stats.Contrast) -> str:
    """How the arms were compared: "paired", "Welch", or by ranks where replicates failed."""
    if found.by_ranks:
        return "paired ranks" if found.paired else "ranks"
    return "paired" if found.paired else "Welch"
