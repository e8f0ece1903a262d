"""Dynamic tanh: its settings and what is known of it; the layers are in bnlab.norms.dyt."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, NormConfig


@dataclass(frozen=True)
class DyTConfig(NormConfig):
    alpha: float = field(metadata=POSITIVE)
    affine: bool


SCHEME = Scheme(
    name="dyt",
    settings=DyTConfig,
    title="Dynamic tanh",
    formula="y = γ tanh(α x) + β",
    normalizes_over="nothing: each value is squashed alone",
    source="Zhu et al. 2025, arXiv 2503.10622",
    when_to_use="transformers without statistics, in layer norm's place.",
    invariances="N N N N N N",
    defaults={"paper": "α₀ = 0.5"},
    token_wise=True,
    impls=("custom",),
)
