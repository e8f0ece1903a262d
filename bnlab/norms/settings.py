"""`NormConfig`, the base class of every scheme's settings. Importing this does not import torch.

A scheme's settings are the fields of a frozen dataclass, in the order in which they are listed and stored. A field's
metadata says which values are legal: `eps: float = field(metadata=POSITIVE)`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from bnlab.errors import UserError
from bnlab.ranges import finite, not_negative, one_of, positive, require, within_0_1

Check = Callable[[str, Any], None]
"""Takes a key and a value, and raises UserError, which says what is allowed, if the value is not legal."""


def legal(check: Check) -> Mapping[str, Check]:
    """The metadata of a field whose values must pass the check. null, where the type allows it, is always legal."""
    return {"check": check}


def choice(*allowed: str) -> Mapping[str, Check]:
    """The metadata of a field that takes one of these words."""
    return legal(functools.partial(one_of, allowed=allowed))


def _at_least_1(key: str, value: int) -> None:
    require(value >= 1, key, value, "1 or more")


def _at_least_0(key: str, value: int) -> None:
    require(value >= 0, key, value, "0 or more")


def _finite_from_1(key: str, value: float) -> None:
    require(1 <= value < math.inf, key, value, "a finite number, 1 or above")


POSITIVE, NOT_NEGATIVE, WITHIN_0_1 = map(legal, (positive, not_negative, within_0_1))
AT_LEAST_0, AT_LEAST_1, FROM_1, FINITE = map(legal, (_at_least_0, _at_least_1, _finite_from_1, finite))


@dataclass(frozen=True)
class NormConfig:
    """The settings that every scheme has: its name, and the implementation of its layer."""

    name: str
    impl: str

    def __post_init__(self) -> None:
        one_of("norm.impl", self.impl, ("native", "custom", "keras"))
        for field in fields(self):
            value = getattr(self, field.name)
            if "check" in field.metadata and value is not None:
                field.metadata["check"](f"norm.{field.name}", value)

    def settings(self) -> dict[str, Any]:
        """The scheme's own settings, by the names of its layer's arguments."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "impl")}

    def label(self) -> str:
        """A short name of this configuration, for folders and reports."""
        return f"{self.name}-{self.impl}"

    def conventions(self) -> dict[str, Any]:
        """The layer's conventions that differ from PyTorch's, which are those of the settings here."""
        return {}

    def without_effect(self) -> dict[str, str]:
        """The settings that change nothing because of other settings, each with the reason."""
        return {}

    def check_batches(self, size: int) -> None:
        """Raises UserError if the settings make no sense with training batches of `size` samples (data.batch_size)."""

    def of_activations(self) -> NormConfig:
        """The norm of the activations: this one, or, for a scheme of weights, the one that follows (norm.then)."""
        return self

    def activates(self) -> bool:
        """Whether the layer has an activation of its own, in place of the one that would follow it."""
        return False

    def refused(self, reason: ValueError) -> UserError:
        """The error for a norm that cannot be built here, with the layer's reason."""
        return UserError(f"norm={self.name} cannot be used here: {reason}")
