"""EvalNorm: its settings and what is known of it; the layers are in bnlab.norms.eval_norm."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import POSITIVE, WITHIN_0_1, NormConfig


@dataclass(frozen=True)
class EvalNormConfig(NormConfig):
    eps: float = field(metadata=POSITIVE)
    affine: bool
    momentum: float | None = field(metadata=WITHIN_0_1)
    own_share: float | None = field(metadata=WITHIN_0_1)


SCHEME = Scheme(
    name="eval_norm",
    settings=EvalNormConfig,
    title="EvalNorm",
    formula="training: batch norm;  test: by (1 − a) μ + a μ_i and (1 − a) σ² + a σ²_i + a (1 − a) (μ_i − μ)²",
    normalizes_over="N and the spatial axes, for each channel; at test time a share of the sample's own",
    source="Singh & Shrivastava 2019, arXiv 1904.06031",
    when_to_use="batches of a few images, where batch norm's evaluation is far from its training.",
    invariances="Y N Y Y Y N",
    defaults={"Kosson et al.": "a = 1/B², the running variance biased"},
    batch_statistics=True,
    impls=("custom",),
)
