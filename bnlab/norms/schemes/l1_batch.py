"""L1 batch normalization: its settings and what is known of it; the layers are in bnlab.norms.l1_batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class L1BatchConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)


SCHEME = Scheme(
    name="l1_batch",
    settings=L1BatchConfig,
    title="L1 batch normalization",
    formula="s_B = √(π/2) mean|x − μ_B|;  x̂ = (x − μ_B) / (s_B + ε);  y = γ x̂ + β",
    normalizes_over="N and the spatial axes, for each channel",
    source="Hoffer et al. 2018, arXiv 1803.01814",
    when_to_use="as batch norm, in arithmetic of few bits, whose range a sum of squares soon exceeds.",
    invariances="Y N Y Y Y N",
    defaults={"paper": "ε = 1e-5; its program's momentum 0.1 is the weight of the old value, here 0.9"},
    batch_statistics=True,
    impls=("custom",),
)
