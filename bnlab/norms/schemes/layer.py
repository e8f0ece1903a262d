"""Layer normalization: its settings and what is known of it; the layers are in bnlab.norms.layer."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, NormConfig


@dataclass(frozen=True)
class LayerConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool


SCHEME = Scheme(
    name="layer",
    settings=LayerConfig,
    title="Layer normalization",
    formula="x̂ = (x − μ) / √(σ² + ε);  y = γ x̂ + β",
    normalizes_over="C and the spatial axes, for each sample",
    source="Ba, Kiros & Hinton 2016, arXiv 1607.06450",
    when_to_use="sequences, transformers and any batch size: a sample is normalized by itself, at test time too.",
    invariances="Y Y N Y N Y",
    defaults={
        "PyTorch": "eps 1e-5; LayerNorm over the axes named, with γ and β for each position of them",
        "Keras 3": "epsilon 1e-3; over the last axis",
    },
    token_wise=True,
    impls=("native", "custom", "keras"),
)
