"""Ghost noise injection: its settings and what is known of it; the layers are in bnlab.norms.ghost_noise."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import AT_LEAST_1, POSITIVE, WITHIN_0_1, NormConfig, choice


@dataclass(frozen=True)
class GhostNoiseConfig(NormConfig):
    by: str = field(metadata=choice("batch", "layer"))
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    virtual_batch_size: int = field(metadata=AT_LEAST_1)

    def without_effect(self) -> dict[str, str]:
        return {} if self.by == "batch" else {"momentum": "with norm.by=layer there are no running statistics"}


SCHEME = Scheme(
    name="ghost_noise",
    settings=GhostNoiseConfig,
    title="Ghost noise injection",
    formula="x̂_i ← (x̂_i − (μ_i − μ_B)) / √((σ²_i + 1e-3) / (σ²_B + 1e-3));  y = γ x̂ + β",
    normalizes_over="what batch or layer norm does (norm.by); then noise by V samples that each sample draws",
    source="Kosson et al. 2023, arXiv 2305.17205",
    when_to_use="large batches, to have the noise of small ones without their statistics.",
    invariances="Y N Y Y Y N",
    defaults={"paper": "ghosts of 16 to 64 on ImageNet"},
    batch_statistics=True,
    impls=("custom",),
)
