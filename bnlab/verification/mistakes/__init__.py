"""From numbers that are wrong to words: the known mistakes, and which of them give a layer's numbers.

A mistake is the definition with one choice changed and a sentence about it. A sentence enters only with a program that
makes the mistake (tests/verification/planted.py).
"""

from bnlab.verification.mistakes.diagnosis import diagnose

__all__ = ["diagnose"]
