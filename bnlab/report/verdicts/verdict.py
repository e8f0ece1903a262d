"""One thing that a comparison says: the sentence, and what it is about."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from bnlab.report.comparison import Pair


class Kind(enum.StrEnum):
    """What is said."""

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
        kind: what it says.
        sentence: the whole of it, as the report prints it.
        arms: those that it is about, by their names in the comparison's table.
        pairs: those of which it says what was tested, with their differences, intervals and p.
    """

    kind: Kind
    sentence: str
    arms: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def __str__(self) -> str:
        return self.sentence
