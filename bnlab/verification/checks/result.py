"""What a check found, and how an error is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bnlab.verification.reference import Values

EXACT = 1e-12
"""Of the largest expected value, in float64."""

FINE = 1e-9
"""The same for a layer that is right up to the order of its sums."""

COARSE = 1e-4
"""The same for a layer that works in float32 whatever it is given: some inputs of the checks magnify rounding."""

PASS, FAIL, WARN, NOT_APPLICABLE = "pass", "fail", "warn", "n/a"

WITH_CONVENTIONS = "pass with conventions"
"""The third outcome of a layer: it is right, by choices of its own that are told."""


@dataclass(frozen=True)
class Result:
    """What a check found. Errors are None where nothing was compared, and infinite where a value is not finite.

    Attributes:
        seen: the layer's numbers, and `expected`: the reference's.
    """

    check: str
    status: str
    absolute: float | None = None
    relative: float | None = None
    tolerance: float | None = None
    note: str = ""
    seen: Values = field(default_factory=dict, repr=False)
    expected: Values = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong.

    Attributes:
        mistake: its name; `unknown` for what no known mistake explains, `raises` for an exception.
        text: a sentence.
        line: the line of the user's file that makes it, where it is found, and `mended`: the same without it.
        formula: the formula with its numbers, for the value that is furthest off.
    """

    mistake: str
    text: str
    line: str = ""
    mended: str = ""
    formula: str = ""


@dataclass(frozen=True)
class Verdict:
    """What was found about one layer.

    Attributes:
        name: the impl, or the class; `called`: how it was made.
        settings: those at which it was verified.
        remarks: what was assumed about it.
        conventions: the names of those that it follows; see conventions/convention.py.
        exact: the tolerance in float64.
        instead: which other scheme it computes, in words.
    """

    scheme: str
    name: str
    called: str
    settings: Mapping[str, Any]
    remarks: tuple[str, ...]
    conventions: tuple[str, ...]
    exact: float
    results: tuple[Result, ...]
    diagnoses: tuple[Diagnosis, ...]
    instead: str = ""

    @property
    def failed(self) -> bool:
        return any(result.status == FAIL for result in self.results)

    @property
    def outcome(self) -> str:
        return FAIL if self.failed else WITH_CONVENTIONS if self.conventions else PASS

    def nearer_to(self, instead: str) -> Verdict:
        """The same, which computes another scheme."""
        return replace(self, instead=instead)

    def raise_for_failures(self) -> None:
        """Nothing for a layer that is right; conventions are no failures.

        Raises:
            AssertionError: it is not; the message says what is wrong, a line for each finding.
        """
        if self.failed:
            wrong = [result.check for result in self.results if result.status == FAIL]
            found = [f"- {diagnosis.text}" for diagnosis in self.diagnoses]
            raise AssertionError("\n".join([f"{self.name} is no {self.scheme} norm: {', '.join(wrong)}", *found]))

    def plain(self) -> dict[str, Any]:
        """All but the layer's and the reference's numbers, for JSON."""
        results = [
            {name: value for name, value in vars(result).items() if name not in ("seen", "expected")}
            for result in self.results
        ]
        return vars(self) | {"results": results, "diagnoses": [vars(diagnosis) for diagnosis in self.diagnoses]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Verdict:
        """The verdict of `plain()`, through JSON."""
        results = tuple(Result(**result) for result in plain["results"])
        diagnoses = tuple(Diagnosis(**diagnosis) for diagnosis in plain["diagnoses"])
        words = {name: tuple(plain[name]) for name in ("remarks", "conventions")}
        return cls(**{**plain, **words, "results": results, "diagnoses": diagnoses})


def errors(seen: Values, expected: Values) -> tuple[float, float]:
    """The largest absolute and relative error, relative to the largest expected value of each array.

    What is missing, has another shape or is not finite is infinitely wrong.
    """
    absolute = relative = 0.0
    for name, right in expected.items():
        if name not in seen or seen[name].shape != right.shape or not np.isfinite(seen[name]).all():
            return np.inf, np.inf
        difference, largest = float(np.abs(seen[name] - right).max()), float(np.abs(right).max())
        absolute = max(absolute, difference)
        relative = max(relative, difference / max(largest, 1e-3))  # zeros have no size to compare with
    return absolute, relative
