"""No normalization: its settings and what is known of it; the layers are in bnlab.norms.none."""

from __future__ import annotations

from dataclasses import dataclass

from bnlab.norms.scheme import Scheme
from bnlab.norms.settings import NormConfig


@dataclass(frozen=True)
class NoNormConfig(NormConfig):
    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "impl", "native")  # without a layer all impls are the same run

    def label(self) -> str:
        return self.name


SCHEME = Scheme(
    name="none",
    settings=NoNormConfig,
    title="No normalization",
    formula="y = x",
    normalizes_over="nothing",
    source="the control of every comparison",
    when_to_use="as the baseline: whatever a norm is said to do is said against this.",
    invariances="N N N N N N",
    token_wise=True,
    shift=False,
)
