"""Batch renormalization: its settings and what is known of it; the layers are in bnlab.norms.batch_renorm."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import FROM_1, NOT_NEGATIVE, POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class BatchRenormConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)
    r_max: float = field(metadata=FROM_1)
    d_max: float = field(metadata=NOT_NEGATIVE)
    schedule_scale: float = field(metadata=NOT_NEGATIVE)


SCHEME = Scheme(
    name="batch_renorm",
    settings=BatchRenormConfig,
    title="Batch renormalization",
    formula="x̂ = (x − μ_B)/σ_B · r + d,  r = clip(σ_B/σ), d = clip((μ_B − μ)/σ);  y = γ x̂ + β",
    normalizes_over="N and the spatial axes, for each channel, corrected towards the running statistics",
    source="Ioffe 2017, arXiv 1702.03275",
    when_to_use="batch norm in small or non-iid batches: training sees nearly what the test will see.",
    invariances="Y N Y Y Y N",
    defaults={"paper": "momentum 0.01; r_max 1 to 3 at step 40,000, d_max 0 to 5 at 25,000, from step 5,000 on"},
    batch_statistics=True,
    impls=("custom",),
)
