"""Dynamic erf (Derf): its settings and what is known of it; the layers are in bnlab.norms.derf."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import FINITE, POSITIVE, NormConfig


@dataclass(frozen=True)
class DerfConfig(NormConfig):
    alpha: float = field(metadata=POSITIVE)
    affine: bool
    shift: float = field(metadata=FINITE)


SCHEME = Scheme(
    name="derf",
    settings=DerfConfig,
    title="Dynamic erf (Derf)",
    formula="y = γ erf(α x + s) + β",
    normalizes_over="nothing: each value is squashed alone",
    source="Chen et al. 2025, arXiv 2512.10938",
    when_to_use="as dyt, of which it is the successor.",
    invariances="N N N N N N",
    defaults={"paper": "α₀ = 0.5, s₀ = 0"},
    token_wise=True,
    impls=("custom",),
)
