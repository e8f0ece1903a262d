"""Ghost batch normalization: its settings and what is known of it; the layers are in bnlab.norms.ghost_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.errors import SettingError
from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import AT_LEAST_1, POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class GhostBatchConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    virtual_batch_size: int = field(metadata=AT_LEAST_1)

    def check_batches(self, size: int) -> None:
        if self.virtual_batch_size > size:
            why = f"is more than a batch has (data.batch_size={size}), so that it would be batch norm; take norm=batch"
            raise SettingError("norm.virtual_batch_size", self.virtual_batch_size, f"{why}, or at most {size}")


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
