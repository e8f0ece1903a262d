"""What is done to a layer, the numbers that come out, and how far they may be from the reference's.

A check's numbers, tolerance and outcome live here, and so does how a layer to check is built; what an outcome means in
words does not. The doors `checks`, `measures`, `special` and `subject` import torch.
"""

from bnlab.verification.checks.result import (
    COARSE,
    EXACT,
    FAIL,
    NOT_APPLICABLE,
    PASS,
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
    "NOT_APPLICABLE",
    "PASS",
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
