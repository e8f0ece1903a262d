"""Noisy batch normalization: its settings and what is known of it; the layers are in bnlab.norms.noisy_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import FROM_1, NOT_NEGATIVE, POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class NoisyBatchConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    centre: float = field(metadata=NOT_NEGATIVE)
    deviation: float = field(metadata=FROM_1)
    jitter: float = field(metadata=NOT_NEGATIVE)


SCHEME = Scheme(
    name="noisy_batch",
    settings=NoisyBatchConfig,
    title="Noisy batch normalization",
    formula="y = batch norm of x;  y_i ← s_i y_i + m_i with random s_i and m_i",
    normalizes_over="N and the spatial axes, for each channel; then noise for each sample and channel",
    source="Santurkar et al. 2018, arXiv 1805.11604",
    when_to_use="to see whether batch norm helps by keeping distributions stable: here they are not.",
    invariances="Y N Y Y Y N",
    defaults={"paper": "c = 0.5, d = 1.25, r = 0.1"},
    batch_statistics=True,
    impls=("custom",),
)
