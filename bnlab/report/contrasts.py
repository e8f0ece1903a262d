"""Which arms are held against which, and what came out of it."""

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
        p: Holm's, over all pairs of the comparison; NaN where an arm has fewer than two replicates.
        level: what the uncorrected p has to reach in the first step of Holm's correction.
    """

    first: str
    second: str
    contrast: stats.Contrast
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

    The leader was chosen by looking, and yet no correction is due: for a leader to be called best by mistake it has to
    be ahead of the arm that is truly best too (Gutmann and Maymin, Is the selected population the best?, Annals of
    Statistics 15, 1987).
    """

    first: str
    second: str
    contrast: stats.Contrast
    real: bool


def pairs(values: Values, baseline: str | None) -> list[Pair]:
    """Every arm against the baseline; without one every two arms, the better one first, if they are at most 12."""
    if baseline:
        chosen = [(arm, baseline) for arm in values if arm != baseline]
    else:
        chosen = list(combinations(values, 2)) if len(values) <= MOST_PAIRED_ARMS else []
    chosen = [(a, b) for a, b in chosen if len(values[a]) and len(values[b])]
    contrasts = [contrast(values[a], values[b]) for a, b in chosen]
    corrected = stats.holm([found.p for found in contrasts])
    level = LEVEL / max(1, len(chosen))
    return [Pair(a, b, found, p, level) for (a, b), found, p in zip(chosen, contrasts, corrected, strict=True)]


def lead(values: Values) -> Lead | None:
    """The best arm against each other one in turn, down to the first over which it has no established lead."""
    arms = [arm for arm in values if len(values[arm])]
    found: Lead | None = None
    for other in arms[1:]:
        against = contrast(values[arms[0]], values[other])
        real = against.p <= LEVEL
        if found is None or not real:
            found = Lead(arms[0], other, against, real)
        if not real:
            break
    return found


def contrast(values: "pd.Series[float]", base: "pd.Series[float]") -> stats.Contrast:
    """In pairs where the seeds are the same ones: those replicates share their weights and batches."""
    paired = values.index.is_unique and values.index.equals(base.index)
    return stats.contrast(values.tolist(), base.tolist(), paired=paired)


def frame(found: Sequence[Pair]) -> pd.DataFrame:
    """One row per pair, in the metric's own unit."""
    columns = ["first", "second", "method", "n", "difference", "low", "high", "p", "p_holm", "superiority"]
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
            pair.contrast.superiority,
        )
        for pair in found
    ]
    return pd.DataFrame(rows, columns=columns)


def method(found: stats.Contrast) -> str:
    """How the difference was taken, and after whom its interval is named."""
    return "paired" if found.paired else "Welch"
