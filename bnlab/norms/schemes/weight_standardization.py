"""Weight standardization: its settings and what is known of it; the layers: bnlab.norms.weight_standardization."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnlab.norms.of_weights import OfWeightsConfig
from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE


@dataclass(frozen=True)
class WeightStandardizationConfig(OfWeightsConfig):
    eps: float = field(metadata=POSITIVE)

    def settings(self) -> dict[str, Any]:
        return {"eps": self.eps}


SCHEME = Scheme(
    name="weight_standardization",
    settings=WeightStandardizationConfig,
    title="Weight standardization",
    formula="ŵ = (w − μ_w) / (σ_w + ε)",
    normalizes_over="the weights of each output unit; the activations by the norm that follows (norm.then)",
    source="Qiao et al. 2019, arXiv 1903.10520",
    when_to_use="with group norm, for convolutional networks in batches too small for batch norm.",
    invariances="Y N Y N N N",
    defaults={"paper": "ε = 1e-5 outside the root, group norm after it"},
    shift=False,
    of_weights=True,
    impls=("custom",),
)
