"""Instance normalization: its settings and what is known of it; the layers are in bnlab.norms.instance."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class InstanceConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)
    track_running_stats: bool

    def without_effect(self) -> dict[str, str]:
        if self.track_running_stats:
            return {}
        return {"momentum": "with norm.track_running_stats=false there are no running statistics"}


SCHEME = Scheme(
    name="instance",
    settings=InstanceConfig,
    title="Instance normalization",
    formula="x̂ = (x − μ_NC) / √(σ²_NC + ε);  y = γ x̂ + β",
    normalizes_over="the spatial axes, for each sample and channel",
    source="Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022",
    when_to_use="images whose contrast is no information, as in style transfer; the mean of a channel is lost.",
    invariances="Y N Y Y Y Y",
    defaults={"PyTorch": "eps 1e-5; no affine, no running statistics", "Keras 3": "GroupNormalization(groups=-1)"},
    spatial_only=True,
)
