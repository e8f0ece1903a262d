"""Precise batch normalization: its settings and what is known of it; the layers are in bnlab.norms.precise_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import AT_LEAST_1, POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class PreciseBatchConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    population_batches: int = field(metadata=AT_LEAST_1)


SCHEME = Scheme(
    name="precise_batch",
    settings=PreciseBatchConfig,
    title="Precise batch normalization",
    formula="as batch;  at test time μ = Σ n_b μ_b / Σ n_b,  σ² = Σ n_b (σ²_b + μ_b²) / Σ n_b − μ²",
    normalizes_over="N and the spatial axes, for each channel; at test time many batches of it",
    source="Wu & Johnson 2021, arXiv 2105.07576",
    when_to_use="wherever batch norm's moving averages lag: early in training, at large batches or learning rates.",
    invariances="Y N Y Y Y N",
    batch_statistics=True,
    impls=("custom",),
)
