"""Which arms are held against which, and what came out of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bnlab import stats

LEVEL = 0.05
MOST_PAIRED_ARMS = 12
"""Without a baseline every arm is held against every other one; of more arms that would be too many comparisons."""

Values = Mapping[str, "pd.Series[float]"]
"""Of each arm, best first: the metric of the replicates that count, by seed."""


@dataclass(frozen=True)
class Pair:
    """Two arms, the first with the better mean or held against the second as its baseline.

    Attributes:
        settled: whether the lead of the best arm, one of the two, has settled it.
        p: corrected: that of the lead if it is settled by it, else Holm's over the pairs that are not; NaN where an arm
            has fewer than two replicates.
        level: what the uncorrected p would have to reach, given what is found in the other pairs.
    """

    first: str
    second: str
    contrast: stats.Contrast
    settled: bool
    p: float
    level: float

    @property
    def real(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p <= LEVEL

    @property
    def hopeless(self) -> bool:
        """Whether so few replicates could not have shown any difference, however large."""
        return self.contrast.smallest_p > self.level


@dataclass(frozen=True)
class Lead:
    """The arm with the best mean, and the closest arm that its lead is or is not established over.

    Attributes:
        p: of the claim that it is ahead of every other arm; of the two arms only if that is not established.
    """

    first: str
    second: str
    contrast: stats.Contrast
    p: float

    @property
    def real(self) -> bool:
        """Whether it is ahead of every other arm by more than chance."""
        return self.p <= LEVEL


def lead(values: Values) -> Lead | None:
    """The best arm against each other one in turn, down to the first over which it has no established lead."""
    arms = [arm for arm in values if len(values[arm])]
    closest: Lead | None = None
    p_values: list[float] = []
    for other in arms[1:]:
        found = contrast(values[arms[0]], values[other])
        against = Lead(arms[0], other, found, found.p)
        if not against.real:
            return against
        closest = closest or against
        p_values.append(found.p)
    return closest and Lead(closest.first, closest.second, closest.contrast, stats.lead_p(p_values))


def pairs(values: Values, baseline: str | None, leading: Lead | None) -> list[Pair]:
    """Every arm against the baseline; without one every two arms, the better one first, if they are at most 12.

    An established lead settles the pairs with the best arm; Holm's correction is over the others.
    """
    if baseline:
        chosen = [(arm, baseline) for arm in values if arm != baseline]
    else:
        chosen = list(combinations(values, 2)) if len(values) <= MOST_PAIRED_ARMS else []
    chosen = [(a, b) for a, b in chosen if len(values[a]) and len(values[b])]
    settled = [leading is not None and leading.real and leading.first in pair for pair in chosen]
    contrasts = [contrast(values[a], values[b]) for a, b in chosen]
    corrected = iter(stats.holm([found.p for found, done in zip(contrasts, settled, strict=True) if not done]))
    p_values = [leading.p if leading and done else next(corrected) for done in settled]
    levels = _levels(contrasts, settled, p_values)
    rows = zip(chosen, contrasts, settled, p_values, levels, strict=True)
    return [Pair(a, b, found, done, p, level) for (a, b), found, done, p, level in rows]


def _levels(contrasts: Sequence[stats.Contrast], settled: Sequence[bool], p_values: Sequence[float]) -> list[float]:
    """Of each pair what its p would have to reach: as one of those that were tested, or one more if it was not.

    Replicates that let one pair be tested let all those with the same arm be: then all untested ones count as tested.
    """
    rest = [found.p for found, done in zip(contrasts, settled, strict=True) if not done]
    tested = sum(not math.isnan(p) for p in rest)
    found = sum(p <= LEVEL for p, done in zip(p_values, settled, strict=True) if not done)
    return [stats.holm_level(len(rest) if math.isnan(contrast.p) else tested, found, LEVEL) for contrast in contrasts]


def contrast(values: "pd.Series[float]", base: "pd.Series[float]") -> stats.Contrast:
    """In pairs where the seeds are the same ones: those replicates share their weights and batches."""
    paired = values.index.is_unique and values.index.equals(base.index)
    return stats.contrast(values.tolist(), base.tolist(), paired=paired)


def frame(found: Sequence[Pair], *, higher: bool) -> pd.DataFrame:
    """One row per pair, in the metric's own unit; higher: whether more of it is better."""
    columns = [
        "first",
        "second",
        "method",
        "n",
        "difference",
        "low",
        "high",
        "p",
        "p_corrected",
        "correction",
        "better",
    ]
    rows = [
        (
            pair.first,
            pair.second,
            method(pair.contrast),
            min(pair.contrast.ns),
            pair.contrast.difference.mean,
            *pair.contrast.difference.interval,
            pair.contrast.p,
            pair.p,
            "lead" if pair.settled else "Holm",
            pair.contrast.superiority if higher else 1 - pair.contrast.superiority,
        )
        for pair in found
    ]
    return pd.DataFrame(rows, columns=columns)


def method(found: stats.Contrast) -> str:
    """How the difference was taken, and after whom its interval is named."""
    return "paired" if found.paired else "Welch"
