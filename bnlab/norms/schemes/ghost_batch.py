"""Ghost batch normalization: its settings and what is known of it; the layers are in bnlab.norms.ghost_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import AT_LEAST_1, VISIBLE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class GhostBatchConfig(NormConfig):
    eps: float = field(metadata=VISIBLE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    virtual_batch_size: int = field(metadata=AT_LEAST_1)


SCHEME = Scheme(
    name="ghost_batch",
    settings=GhostBatchConfig,
    title="Ghost batch normalization",
    formula="x̂ = (x − μ_V) / √(σ²_V + ε);  y = γ x̂ + β",
    normalizes_over="V samples of the batch and the spatial axes, for each channel",
    source="Hoffer, Hubara & Soudry 2017, arXiv 1705.08741",
    when_to_use="large batches, to keep the noise of small ones; or to see on one device what many devices do.",
    invariances="Y N Y Y Y N",
    defaults={"paper": "batches of 4,096 in ghosts of 128"},
    batch_statistics=True,
    impls=("custom",),
)
