"""Switchable normalization: its settings and what is known of it; the layers are in bnlab.norms.switchable."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class SwitchableConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)


SCHEME = Scheme(
    name="switchable",
    settings=SwitchableConfig,
    title="Switchable normalization",
    formula="μ = Σ w_k μ_k,  σ² = Σ w'_k σ²_k  of k in IN, LN, BN;  x̂ = (x − μ) / √(σ² + ε);  y = γ x̂ + β",
    normalizes_over="learned shares of what instance, layer and batch normalize over",
    source="Luo et al. 2018, arXiv 1806.10779",
    when_to_use="to let each layer choose; the shares that it learns are worth a look.",
    invariances="Y N N Y N N",
    batch_statistics=True,
    impls=("custom",),
)
