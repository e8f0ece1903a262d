"""Power normalization: its settings and what is known of it; the layers are in bnlab.norms.power."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import AT_LEAST_0, POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class PowerConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float = field(metadata=WITHIN_0_1)
    gradient_momentum: float = field(metadata=WITHIN_0_1)
    warmup_steps: int = field(metadata=AT_LEAST_0)


SCHEME = Scheme(
    name="power",
    settings=PowerConfig,
    title="Power normalization",
    formula="x̂ = x / √(ψ² + ε), ψ² a moving average of mean(x²);  y = γ x̂ + β",
    normalizes_over="N and the spatial axes of the batches so far, for each channel; no mean is subtracted",
    source="Shen et al. 2020, arXiv 2003.07845",
    when_to_use="small batches, where a batch's own statistics are too noisy: training sees what the test will see.",
    invariances="Y N Y Y N N",
    defaults={"paper": "m = m' = 0.1, 4,000 steps of warm-up"},
    batch_statistics=True,
    impls=("custom",),
)
