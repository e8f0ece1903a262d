"""Filter response normalization: its settings and what is known of it; the layers are in bnlab.norms.frn."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, NormConfig


@dataclass(frozen=True)
class FRNConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    tlu: bool

    def activates(self) -> bool:
        return self.tlu


SCHEME = Scheme(
    name="frn",
    settings=FRNConfig,
    title="Filter response normalization",
    formula="ν² = mean(x²);  y = max(γ x / √(ν² + ε) + β, τ)",
    normalizes_over="the spatial axes, for each sample and channel; no mean is subtracted",
    source="Singh & Krishnan 2019, arXiv 1911.09737",
    when_to_use="convolutional networks at any batch size; on (N, C) it is nearly a sign, softened by a learned ε.",
    invariances="Y N Y Y N Y",
    defaults={"paper": "ε 1e-6, on fully connected layers learned; the activation is max(y, τ)"},
    impls=("custom",),
)
