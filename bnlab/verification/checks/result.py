"""The result of a check, the verdict on a layer, and how an error is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bnlab.verification.reference import Values

EXACT = 1e-12
"""Tolerance in float64, relative to the largest expected value."""

FINE = 1e-9
"""The same for a layer that only sums in another order."""

ROUNDED = 1e-6
"""The same for what one rounding to float32 changes: an output, or a constant that a layer keeps."""

COARSE = 1e-4
"""The same for a layer that works in float32 whatever it is given: some inputs of the checks magnify rounding."""

PASS, FAIL, WARN, NOT_APPLICABLE = "pass", "fail", "warn", "n/a"

ONE_POSITION = "of one position"
"""How a note begins where a batch of one sample is right, and inputs of one position are not."""

NO_SWITCH = "modes cannot be set"
"""The defect that train and eval mode cannot be set by a model that has the layer."""

WITH_CONVENTIONS = "pass with conventions"
"""The third outcome of a layer: it is right, given choices of its own, which the verdict names."""


@dataclass(frozen=True)
class Result:
    """The result of a check. Errors are None if nothing was compared, and infinite if a value is not finite.

    Attributes:
        check: the check's name.
        status: `PASS`, `FAIL`, `WARN` or `NOT_APPLICABLE`.
        absolute, relative: the largest errors; see `errors`.
        tolerance: the largest relative error allowed.
        note: what else there is to say, in words.
        seen: the layer's numbers.
        expected: the reference's numbers.
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
    """One thing that is wrong with a layer.

    Attributes:
        mistake: the mistake's name; `unknown` if no known mistake explains the numbers, `raises` for an exception.
        text: a sentence about it.
        line: the line of the user's file that makes the mistake, if it is found.
        mended: the corrected line.
        formula: the formula with its numbers, for the value with the largest error.
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
        scheme: the scheme that it was compared with.
        name: the impl, or the class.
        called: the settings, or the call that made it.
        settings: the scheme's settings at which it was verified.
        remarks: what was assumed about it.
        conventions: names of the conventions that it follows; see conventions/convention.py.
        exact: the tolerance in float64.
        results: one for each check.
        diagnoses: what is wrong, in words.
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
        """The same verdict, saying which other scheme the layer computes."""
        return replace(self, instead=instead)

    def raise_for_failures(self) -> None:
        """Raises if a check failed; for use in a test. Conventions are no failures.

        Raises:
            AssertionError: a check failed; the message says what is wrong, a line for each diagnosis.
        """
        if self.failed:
            wrong = [result.check for result in self.results if result.status == FAIL]
            found = [f"- {diagnosis.text}" for diagnosis in self.diagnoses]
            raise AssertionError("\n".join([f"{self.name} is no {self.scheme} norm: {', '.join(wrong)}", *found]))

    def plain(self) -> dict[str, Any]:
        """The verdict as values that JSON can hold, without the measured arrays."""
        results = [
            {name: value for name, value in vars(result).items() if name not in ("seen", "expected")}
            for result in self.results
        ]
        return vars(self) | {"results": results, "diagnoses": [vars(diagnosis) for diagnosis in self.diagnoses]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Verdict:
        """The verdict that `plain` gave, after its way through JSON."""
        results = tuple(Result(**result) for result in plain["results"])
        diagnoses = tuple(Diagnosis(**diagnosis) for diagnosis in plain["diagnoses"])
        words = {name: tuple(plain[name]) for name in ("remarks", "conventions")}
        return cls(**{**plain, **words, "results": results, "diagnoses": diagnoses})


def errors(seen: Values, expected: Values) -> tuple[float, float]:
    """The largest absolute error, and the largest relative to the largest expected value of its array.

    Both are infinite if an array is missing, has another shape or is not finite.
    """
    absolute = relative = 0.0
    for name, right in expected.items():
        if name not in seen or seen[name].shape != right.shape or not np.isfinite(seen[name]).all():
            return np.inf, np.inf
        difference, largest = float(np.abs(seen[name] - right).max()), float(np.abs(right).max())
        absolute = max(absolute, difference)
        relative = max(relative, difference / max(largest, 1e-3))  # no division by 0 if zeros are expected
    return absolute, relative
