"""Online normalization: its settings and what is known of it; the layers are in bnlab.norms.online."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class OnlineConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)
    gradient_momentum: float = field(metadata=WITHIN_0_1)


SCHEME = Scheme(
    name="online",
    settings=OnlineConfig,
    title="Online normalization",
    formula="x̂_t = (x_t − μ_{t−1}) / √(σ²_{t−1} + ε);  z = γ x̂ + β;  y = z / RMS(z)",
    normalizes_over="the samples so far and the spatial axes, for each channel; then C and these, for each sample",
    source="Chiley et al. 2019, arXiv 1905.05894",
    when_to_use="batches of any size, one image too; its statistics follow slowly, so small learning rates.",
    invariances="N N N N N N",
    defaults={"paper": "w = 0.001, c = 0.01"},
    batch_statistics=True,
    impls=("custom",),
)
