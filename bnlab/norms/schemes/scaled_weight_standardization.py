"""Scaled weight standardization: its settings and what is known of it; bnlab.norms.scaled_weight_standardization."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnlab.norms.of_weights import OfWeightsConfig
from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE


@dataclass(frozen=True)
class ScaledWeightStandardizationConfig(OfWeightsConfig):
    eps: float = field(metadata=POSITIVE)
    gain: float = field(metadata=POSITIVE)

    def settings(self) -> dict[str, Any]:
        return {"eps": self.eps, "gain": self.gain}


SCHEME = Scheme(
    name="scaled_weight_standardization",
    settings=ScaledWeightStandardizationConfig,
    title="Scaled weight standardization",
    formula="ŵ = g (w − μ_w) / √(max(K σ²_w, ε))",
    normalizes_over="the weights of each output unit",
    source="Brock, De & Smith 2021, arXiv 2101.08692",
    when_to_use="networks without a norm of the activations; with large learning rates and optimizer.adaptive_clip.",
    invariances="Y N Y N N N",
    defaults={
        "paper": "g = 1.7139588594436646 (ReLU), ε = 1e-4; a learned gain of each unit besides, no norm after it"
    },
    shift=False,
    of_weights=True,
    impls=("custom",),
)
