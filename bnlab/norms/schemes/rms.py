"""Root mean square normalization: its settings and what is known of it; the layers are in bnlab.norms.rms."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, NormConfig


@dataclass(frozen=True)
class RMSConfig(NormConfig):
    eps: float | None = field(metadata=POSITIVE)
    affine: bool


SCHEME = Scheme(
    name="rms",
    settings=RMSConfig,
    title="Root mean square normalization",
    formula="y = γ x / √(mean(x²) + ε)",
    normalizes_over="C and the spatial axes, for each sample; no mean is subtracted",
    source="Zhang & Sennrich 2019, arXiv 1910.07467",
    when_to_use="where layer norm is, at less cost: transformers.",
    invariances="Y N N Y N Y",
    defaults={
        "PyTorch": "eps the machine epsilon of the input's type",
        "Keras 3": "epsilon 1e-6",
        "paper": "ε = 1e-8 outside the root",
    },
    token_wise=True,
    shift=False,
    impls=("native", "custom", "keras"),
)
