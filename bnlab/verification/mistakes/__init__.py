"""Turns wrong numbers into words: the known mistakes, and the search for those that give a layer's numbers.

A mistake is the definition with one choice changed, and a sentence about it. Each sentence needs a program that makes
the mistake (tests/verification/planted.py). The door `diagnosis` imports torch.
"""

from bnlab.verification.mistakes.mistakes import sentences

__all__ = ["diagnosis", "sentences"]
