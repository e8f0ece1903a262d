"""The checks: what is measured on a layer, and how far it may be from the reference's numbers.

A check's numbers, tolerance and outcome live here, and how the layer is built; the sentences about mistakes do not. The
doors `checks`, `measures`, `special` and `subject` import torch.
"""

from bnlab.verification.checks.result import (
    COARSE,
    EXACT,
    FAIL,
    FINE,
    NO_SWITCH,
    NOT_APPLICABLE,
    ONE_POSITION,
    PASS,
    ROUNDED,
    WARN,
    WITH_CONVENTIONS,
    Diagnosis,
    Result,
    Verdict,
    errors,
)

__all__ = [
    "COARSE",
    "EXACT",
    "FAIL",
    "FINE",
    "NOT_APPLICABLE",
    "NO_SWITCH",
    "ONE_POSITION",
    "PASS",
    "ROUNDED",
    "WARN",
    "WITH_CONVENTIONS",
    "Diagnosis",
    "Result",
    "Verdict",
    "checks",
    "errors",
    "measures",
    "special",
    "subject",
]
