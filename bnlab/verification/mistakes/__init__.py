"""From numbers that are wrong to words: the known mistakes, and which of them give a layer's numbers.

A mistake is the definition with one choice changed and a sentence about it. A sentence enters only with a program that
makes the mistake (tests/verification/planted.py). The door `diagnosis` imports torch.
"""

from bnlab.verification.mistakes.mistakes import sentences

__all__ = ["diagnosis", "sentences"]
