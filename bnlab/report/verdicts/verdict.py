"""A verdict: one sentence about a comparison, and the arms and pairs that it is about."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from bnlab.report.comparison import Pair


class Kind(enum.StrEnum):
    """The kind of statement that a verdict makes."""

    LEAD = "established lead"
    NO_LEAD = "no established lead"
    DIFFERENT = "different"
    EQUAL = "practically equal"
    UNSEEN = "no difference seen"
    TOO_FEW = "too few seeds"
    FAILURES = "different in failures"
    DIVERGED = "diverged"
    WITHHELD = "withheld"
    NOTHING = "nothing to compare"


@dataclass(frozen=True)
class Verdict:
    """A sentence of a report.

    Attributes:
        kind: the kind of statement.
        sentence: the whole sentence, as the report prints it.
        arms: the arms that it is about, by their names in the comparison's summary.
        pairs: the tested pairs that it is about, with their differences, intervals and p.
    """

    kind: Kind
    sentence: str
    arms: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def __str__(self) -> str:
        return self.sentence
