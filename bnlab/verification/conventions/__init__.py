"""Conventions: choices that a layer may make on purpose. They are reported, but are no mistakes.

Here live their table, what a user may declare about a class, and how a class's own choices are found (the doors
`own_class` and `nearest`, which import torch). The reference then makes the same choices, and any difference that is
left is a mistake.
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
    "stand_ins",
]
