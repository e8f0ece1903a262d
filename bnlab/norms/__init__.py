"""The normalization schemes: what each computes, and how to build its layers. Importing this does not import torch.

Shapes: N batch, C features or channels, L, H, W spatial; a layer keeps the shape, (N, C), (N, C, L) or (N, C, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

SHAPES = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)"}


@dataclass(frozen=True)
class Scheme:
    """One way to normalize; its code is in the module of the same name in this package.

    Attributes:
        name: what the configuration calls it.
        title: what a person calls it.
        formula: the article's or paper's formula.
        normalizes_over: the axes that share one mean and variance.
        source: the paper.
        shift: its affine part has a β, so that a layer before it needs no bias of its own.
        batch_statistics: samples of a batch depend on each other in training; needs at least 2 values per channel.
        spatial_only: not defined on (N, C).
        impls: who wrote the layer: `native` is torch.nn's, `custom` is written out in this package.
    """

    name: str
    title: str
    formula: str
    normalizes_over: str
    source: str
    shift: bool
    batch_statistics: bool
    spatial_only: bool
    impls: tuple[str, ...] = ("native", "custom")

    def build(self, impl: str, channels: int, ndim: int, **settings: Any) -> nn.Module:
        """The layer for inputs of `ndim` dimensions: 2 for (N, C), 3 for (N, C, L), 4 for (N, C, H, W).

        Args:
            impl: one of `impls`.
            channels: C.
            ndim: number of dimensions of the input, the batch counted.
            settings: all the scheme's settings; see `native` and `custom` in its module.

        Raises:
            ValueError: unknown impl or ndim, or the scheme is not defined for this ndim or these settings.
        """
        if impl not in self.impls:
            raise ValueError(f"unknown impl '{impl}' of norm '{self.name}'; allowed: {', '.join(self.impls)}.")
        if ndim not in SHAPES:
            shapes = ", ".join(f"{n} for {shape}" for n, shape in SHAPES.items())
            raise ValueError(f"norm '{self.name}' got inputs of {ndim} dimensions; allowed: {shapes}.")
        layer: nn.Module = getattr(import_module(f"{__name__}.{self.name}"), impl)(channels, ndim, **settings)
        return layer


_ALL = (
    Scheme(
        name="none",
        title="No normalization",
        formula="y = x",
        normalizes_over="nothing",
        source="the control of every comparison",
        shift=False,
        batch_statistics=False,
        spatial_only=False,
    ),
    Scheme(
        name="batch",
        title="Batch normalization",
        formula="x̂ = (x − μ_B) / √(σ²_B + ε);  y = γ x̂ + β",
        normalizes_over="N and the spatial axes, for each channel",
        source="Ioffe & Szegedy 2015, arXiv 1502.03167",
        shift=True,
        batch_statistics=True,
        spatial_only=False,
    ),
    Scheme(
        name="layer",
        title="Layer normalization",
        formula="x̂ = (x − μ) / √(σ² + ε);  y = γ x̂ + β",
        normalizes_over="C and the spatial axes, for each sample",
        source="Ba, Kiros & Hinton 2016, arXiv 1607.06450",
        shift=True,
        batch_statistics=False,
        spatial_only=False,
    ),
    Scheme(
        name="group",
        title="Group normalization",
        formula="x̂ = (x − μ_G) / √(σ²_G + ε);  y = γ x̂ + β",
        normalizes_over="a group of channels and the spatial axes, for each sample",
        source="Wu & He 2018, arXiv 1803.08494",
        shift=True,
        batch_statistics=False,
        spatial_only=False,
    ),
    Scheme(
        name="instance",
        title="Instance normalization",
        formula="x̂ = (x − μ_NC) / √(σ²_NC + ε);  y = γ x̂ + β",
        normalizes_over="the spatial axes, for each sample and channel",
        source="Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022",
        shift=True,
        batch_statistics=False,
        spatial_only=True,
    ),
    Scheme(
        name="rms",
        title="Root mean square normalization",
        formula="y = γ x / √(mean(x²) + ε)",
        normalizes_over="C and the spatial axes, for each sample; no mean is taken off",
        source="Zhang & Sennrich 2019, arXiv 1910.07467",
        shift=False,
        batch_statistics=False,
        spatial_only=False,
    ),
)

SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in _ALL}
