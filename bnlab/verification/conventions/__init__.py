"""Choices that a layer may make on purpose: they are told, and are no mistakes.

The table of them lives here, what a user declares of a class, and how a class's own choices are found (the doors
`own_class` and `nearest`, which import torch): the reference is then given the same choices, so that all else is held
to it as ever.
"""

from bnlab.verification.conventions.convention import AUTO, CONVENTIONS, Convention, Declared, affine_of
from bnlab.verification.conventions.names import looks_like_norm, named

__all__ = [
    "AUTO",
    "CONVENTIONS",
    "Convention",
    "Declared",
    "affine_of",
    "looks_like_norm",
    "named",
    "nearest",
    "own_class",
]
