"""Bounded functions: their settings and what is known of them; the layers are in bnlab.norms.bounded."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import FINITE, POSITIVE, NormConfig, choice


@dataclass(frozen=True)
class BoundedConfig(NormConfig):
    function: str = field(metadata=choice("erf", "tanh", "arctan", "isru", "clip", "dyisru"))
    alpha: float = field(metadata=POSITIVE)
    affine: bool
    shift: float = field(metadata=FINITE)


SCHEME = Scheme(
    name="bounded",
    settings=BoundedConfig,
    title="Point-wise bounded function",
    formula="y = γ f(α x + s) + β",
    normalizes_over="nothing: each value is squashed alone",
    source="Chen et al. 2025, arXiv 2512.10938",
    when_to_use="to see whether dyt and derf owe more to their function than that it is bounded.",
    invariances="N N N N N N",
    defaults={"paper": "α₀ = 0.5, s₀ = 0"},
    token_wise=True,
    impls=("custom",),
)
