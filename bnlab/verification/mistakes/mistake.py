"""`Mistake`: the definition with one choice changed, and a sentence about it; and sets of schemes and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BATCH = frozenset({"batch", "ghost_batch"})
MIXED = frozenset({"switchable"})
RENORM = frozenset({"batch_renorm"})
BY_SAMPLE = frozenset({"layer", "group", "instance", "rms", "evonorm_s0"})
GATED = frozenset({"evonorm_s0"})
FRN = frozenset({"frn"})
LENGTHS = frozenset({"rms", "scale_norm"})
ALL = BATCH | BY_SAMPLE | FRN | MIXED | {"scale_norm"}
CENTRED = ALL - {"rms", "frn", "scale_norm"}
WITH_BETA = CENTRED | FRN | RENORM

SPATIAL = frozenset({"shape (N, C, L)", "shape (N, C, H, W)"})
CONSTANT = frozenset({"y of constants", "gradient of constants"})  # where √0 has no derivative
OF_INPUT = CONSTANT | {"gradient of input"}


@dataclass(frozen=True, eq=False)
class Mistake:
    """One known mistake, or a convention that is found as a mistake is.

    Attributes:
        name: its name in JSON and tests.
        change: the fields of `Recipe`, or choices of a formula, that differ.
        text: the diagnosis, a sentence.
        schemes: the schemes in which it can be made.
        leaves_open: names of checks or arrays whose values the mistake does not determine: programs that make it
            differ there.
        leaves_running_open: the same for everything that depends on running statistics.
        accepted: whether it is a convention, one of `CONVENTIONS` by its name, and no mistake.
    """

    name: str
    change: Mapping[str, Any]
    text: str
    schemes: frozenset[str] = ALL
    leaves_open: frozenset[str] = frozenset()
    leaves_running_open: bool = False
    accepted: bool = False
