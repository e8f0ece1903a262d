"""Which arms are compared with which, and the results.

All m tests of one report are one family, each at the level .05 / m (Bonferroni): so the chance of any false finding in
the report is at most .05. The intervals, at confidence 1 - .05 / m, are simultaneous, and agree with the p.
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
"""Without a baseline all pairs of arms are compared, but with more arms than this there would be too many pairs."""

COLUMNS = [
    *("first", "second", "method", "n", "left_out", "difference", "low", "high", "p", "p_corrected", "tests"),
    *("better", "failures_p_corrected", "low_images", "high_images", "p_corrected_images"),
]

Values = Mapping[str, "pd.Series[float]"]
"""By arm, best first: the metric by seed, infinite (on the bad side) where the seed diverged."""

Failures = tuple[int, int]
"""The number of seeds that diverged, and the number of all seeds."""


@dataclass(frozen=True)
class Pair:
    """A comparison of two arms. The first has the better mean, or the second is the baseline.

    Attributes:
        first: the first arm.
        second: the second arm.
        contrast: the difference between the two over seeds, with its tests.
        settled: whether one of the two is the best arm with an established lead, which already says that they differ.
        family: the number of tests in the report.
        failures: for each arm the number of seeds that diverged, and the number of all seeds.
        crossed: the difference over seeds and test images; None if no answers are stored, or seeds diverged.
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
        """Corrected p of the hypothesis that the arms do not differ; NaN if there are too few replicates to test."""
        return corrected(self.contrast.p, self.family)

    @property
    def level(self) -> float:
        """The level of each test: a difference is established if its uncorrected p is at most this."""
        return LEVEL / self.family

    @property
    def interval(self) -> stats.Interval:
        """The interval of the difference, simultaneous with those of all pairs."""
        return self.contrast.interval(self.level)

    @property
    def real(self) -> bool:
        """Whether the difference is established: corrected p at most .05."""
        return self.p <= LEVEL

    @property
    def fails_more(self) -> bool:
        """Whether it is established that one of the two arms diverges more often."""
        return self.failures_p <= LEVEL

    @property
    def failures_p(self) -> float:
        """Corrected p of Fisher's exact test that both arms diverge equally often; NaN if no seed diverged."""
        return corrected(failures_p(*self.failures), self.family)

    @property
    def images_p(self) -> float:
        """Corrected p of the hypothesis that the arms do not differ over seeds and images; NaN if unknown."""
        return crossed_p(self.crossed, self.family)

    @property
    def images_interval(self) -> stats.Interval:
        """The interval of the difference over seeds and images, at the confidence of `interval`; NaN if unknown."""
        return self.crossed.interval(self.level) if self.crossed else stats.Interval(math.nan, math.nan)

    @property
    def hopeless(self) -> bool:
        """Whether there are too few replicates to establish any difference, however large."""
        return self.contrast.smallest_p > self.level

    def equality_p(self, margin: float) -> float:
        """Corrected p of two one-sided tests; small if the difference is within +- margin, in its own unit."""
        return corrected(self.contrast.equality_p(margin), self.family)

    def is_equal(self, margin: float | None) -> bool:
        """Whether it is established that the difference is within +- margin; False if that is None."""
        return margin is not None and self.equality_p(margin) <= LEVEL


@dataclass(frozen=True)
class Lead:
    """The lead of the arm with the best mean, among the arms without failures.

    Attributes:
        first: the best arm.
        second: the arm with the next best mean; if the lead is not established, the first arm over which it is not.
        contrast: the difference between the two.
        p: the corrected p of the lead over all other arms; if that is not established, of the lead over `second`.
        images_p: the same over seeds and test images; NaN if unknown.
    """

    first: str
    second: str
    contrast: stats.Contrast
    p: float
    images_p: float = math.nan

    @property
    def real(self) -> bool:
        """Whether the lead over every other arm is established."""
        return self.p <= LEVEL


def corrected(p: float, family: int) -> float:
    """Bonferroni's corrected p of one test in a family of `family` tests; NaN stays NaN."""
    return min(1.0, p * family) if not math.isnan(p) else p


def crossed_p(crossed: stats.Crossed | None, family: int) -> float:
    """Bonferroni's corrected p of a difference over seeds and images; NaN if there is none."""
    return corrected(crossed.p, family) if crossed else math.nan


def hold(
    values: Values, baseline: str | None, answers: Mapping[str, ArmAnswers] | None = None
) -> tuple[list[Pair], Lead | None]:
    """Compares every arm with the baseline; without one all pairs of at most 12 arms, the better arm first.

    Args:
        values: from `seeds.values`.
        baseline: the arm that the others are compared with, or None.
        answers: from `images.read`.

    Returns:
        The pairs, and the lead of the best arm, which counts as one more test unless all pairs are tested anyway.
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
    """Compares the best arm with each other one in turn, until its lead over one is not established.

    Arms with a diverged seed are left out: they have no mean to be ranked by. None if fewer than two arms are left.

    Args:
        values: from `seeds.values`.
        family: the number of tests in the report.
        answers: from `images.read`.
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
    """The number of an arm's seeds that diverged, and the number of all its seeds."""
    return int(np.isinf(values.to_numpy()).sum()), len(values)


def failures_p(first: Failures, second: Failures) -> float:
    """The p of Fisher's exact test that two arms diverge equally often; NaN if neither ever did."""
    return stats.fisher(first, second) if first[0] or second[0] else math.nan


def contrast(values: "pd.Series[float]", base: "pd.Series[float]") -> stats.Contrast:
    """Contrasts two arms: paired by seed if at least half of the smaller arm's seeds are in both, else unpaired.

    Replicates of one seed share their initial weights and batches. Only the seeds decide, never the results.
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
    """One row per pair, with `COLUMNS`, in the metric's own unit; `higher`: whether higher values are better."""
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
    """The pairs with all their tests, for verdicts.json, in the metric's own unit; NaN where there is no number."""
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
    """How the arms were compared: "paired", "Welch", or, if replicates diverged, "paired ranks" or "ranks"."""
    if found.by_ranks:
        return "paired ranks" if found.paired else "ranks"
    return "paired" if found.paired else "Welch"
