"""What a check found, and how an error is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnlab.verification.reference import Values

EXACT = 1e-12
"""Of the largest expected value, in float64."""

COARSE = 1e-4
"""The same for a layer that works in float32 whatever it is given: some inputs of the checks magnify rounding."""

PASS, FAIL, WARN, NOT_APPLICABLE = "pass", "fail", "warn", "n/a"


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
    """A mistake's name and its sentence; `unknown` for what no known mistake explains, `raises` for an exception."""

    mistake: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What was found about one layer.

    Attributes:
        name: the impl, or the class; `called`: how it was made.
        settings: those at which it was verified.
        remarks: what was assumed about it.
        exact: the tolerance in float64.
    """

    scheme: str
    name: str
    called: str
    settings: Mapping[str, Any]
    remarks: tuple[str, ...]
    exact: float
    results: tuple[Result, ...]
    diagnoses: tuple[Diagnosis, ...]

    @property
    def failed(self) -> bool:
        return any(result.status == FAIL for result in self.results)

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
        return cls(**{**plain, "remarks": tuple(plain["remarks"]), "results": results, "diagnoses": diagnoses})


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
