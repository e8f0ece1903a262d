"""Batch normalization: its settings and what is known of it; the layers are in bnlab.norms.batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class BatchConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    track_running_stats: bool

    def without_effect(self) -> dict[str, str]:
        if self.track_running_stats:
            return {}
        return {"momentum": "with norm.track_running_stats=false there are no running statistics"}

    def conventions(self) -> dict[str, Any]:
        if self.impl != "keras" or self.momentum is None:
            return {}
        return {"keras_momentum": 1 - self.momentum, "stored_variance": "biased"}


SCHEME = Scheme(
    name="batch",
    settings=BatchConfig,
    title="Batch normalization",
    formula="x̂ = (x − μ_B) / √(σ²_B + ε);  y = γ x̂ + β",
    normalizes_over="N and the spatial axes, for each channel",
    source="Ioffe & Szegedy 2015, arXiv 1502.03167",
    when_to_use="images and feature vectors in batches of 16 or more; not for batches of a few, or time steps.",
    invariances="Y N Y Y Y N",
    defaults={
        "PyTorch": "eps 1e-5; momentum 0.1, the weight of the new batch; the variance is stored unbiased",
        "Keras 3": "epsilon 1e-3; momentum 0.99, the weight of the old value, here 0.01; stored biased",
    },
    batch_statistics=True,
    impls=("native", "custom", "keras"),
)
