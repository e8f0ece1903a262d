"""Mean-only batch normalization: its settings and what is known of it; the layers: bnlab.norms.mean_only_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class MeanOnlyBatchConfig(NormConfig):
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)


SCHEME = Scheme(
    name="mean_only_batch",
    settings=MeanOnlyBatchConfig,
    title="Mean-only batch normalization",
    formula="y = γ (x − μ_B) + β",
    normalizes_over="N and the spatial axes, for each channel; nothing is divided by",
    source="Salimans & Kingma 2016, arXiv 1602.07868",
    when_to_use="to see what centring alone does; after weight normalization.",
    invariances="N N N N Y N",
    defaults={"paper": "no γ; after weight normalization"},
    batch_statistics=True,
    impls=("custom",),
)
