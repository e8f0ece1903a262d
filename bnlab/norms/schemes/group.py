"""Group normalization: its settings and what is known of it; the layers are in bnlab.norms.group."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import AT_LEAST_1, POSITIVE, NormConfig


@dataclass(frozen=True)
class GroupConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    num_groups: int = field(metadata=AT_LEAST_1)


SCHEME = Scheme(
    name="group",
    settings=GroupConfig,
    title="Group normalization",
    formula="x̂ = (x − μ_G) / √(σ²_G + ε);  y = γ x̂ + β",
    normalizes_over="a group of channels and the spatial axes, for each sample",
    source="Wu & He 2018, arXiv 1803.08494",
    when_to_use="convolutional networks in batches too small for batch norm.",
    invariances="Y Y N Y N Y",
    defaults={"PyTorch": "eps 1e-5; num_groups has to be given", "Keras 3": "epsilon 1e-3; 32 groups"},
    token_wise=True,
    impls=("native", "custom", "keras"),
)
