"""Variance normalization: its settings and what is known of it; the layers are in bnlab.norms.variance_only_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class VarianceOnlyBatchConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)


SCHEME = Scheme(
    name="variance_only_batch",
    settings=VarianceOnlyBatchConfig,
    title="Variance-only normalization",
    formula="y = γ x / √(σ²_B + ε) + β",
    normalizes_over="N and the spatial axes, for each channel; no mean is subtracted",
    source="Daneshmand et al. 2020, arXiv 2003.01652",
    when_to_use="to see what dividing alone does.",
    invariances="Y N Y Y N N",
    defaults={"paper": "γ = 1, β = 0, no ε; divides by the root of mean(x²)"},
    batch_statistics=True,
    impls=("custom",),
)
