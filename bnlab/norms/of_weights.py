"""The settings of schemes that normalize weights. Importing this does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnlab.norms.schemes.batch import BatchConfig
from bnlab.norms.schemes.group import GroupConfig
from bnlab.norms.schemes.layer import LayerConfig
from bnlab.norms.schemes.none import NoNormConfig
from bnlab.norms.settings import POSITIVE, NormConfig, choice


@dataclass(frozen=True)
class OfWeightsConfig(NormConfig):
    """The settings of the norm that then normalizes the activations (`then`); their ranges are those of that norm."""

    then: str = field(metadata=choice("none", "batch", "layer", "group"))
    then_eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None
    num_groups: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self.of_activations()  # checks the ranges of the others

    def settings(self) -> dict[str, Any]:
        return {}

    def without_effect(self) -> dict[str, str]:
        taken = self.of_activations().settings()
        of_next = {"then_eps": "eps", "affine": "affine", "momentum": "momentum", "num_groups": "num_groups"}
        reason = f"norm.then={self.then} has no such setting"
        return {name: reason for name, its_name in of_next.items() if its_name not in taken}

    def of_activations(self) -> NormConfig:
        if self.then == "none":
            return NoNormConfig("none", "native")
        if self.then == "batch":
            return BatchConfig("batch", "native", self.then_eps, self.affine, self.momentum, True)
        if self.then == "group":
            return GroupConfig("group", "native", self.then_eps, self.affine, self.num_groups)
        if self.then == "layer":
            return LayerConfig("layer", "native", self.then_eps, self.affine)
        raise ValueError(f"norm.then={self.then} names no norm of the activations")
