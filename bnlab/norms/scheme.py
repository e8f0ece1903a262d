"""`Scheme`: what is known of a scheme, and how to build its layers. Importing this does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bnlab.norms.settings import NormConfig

if TYPE_CHECKING:
    from torch import nn

SHAPES = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)"}

CHANGES = (
    "weight matrix rescaled",
    "weight matrix recentred",
    "one weight vector rescaled",
    "data rescaled",
    "data recentred",
    "one sample rescaled",
)
"""The columns of Ba, Kiros & Hinton 2016, table 1. Recentred means that one vector is added to every row."""


@dataclass(frozen=True)
class Scheme:
    """A normalization scheme. The layers and the full formula are in the module of the same name in this package.

    Attributes:
        name: in the configuration.
        settings: the class of its settings, with their types and ranges.
        title: its name in prose.
        formula: the article's or paper's formula, in one line.
        normalizes_over: the axes that share one mean and variance.
        source: the paper.
        when_to_use: what it is for, and where it fails.
        invariances: "Y" or "N" for each of `CHANGES`: whether norm(W x) in training is the same after it, up to ε.
        defaults: the default settings in other frameworks or in the paper, by framework.
        shift: whether its affine part has a β, so that a layer before it needs no bias of its own.
        batch_statistics: whether samples of a batch depend on each other in training; it then needs at least 2 values
            per channel.
        spatial_only: whether it is not defined on (N, C).
        token_wise: whether each token of a sequence is a sample of its own; if not, the tokens are a spatial axis.
        of_weights: whether it normalizes the weights of a layer instead of activations.
        impls: the implementations: `native` is torch.nn's, `custom` is written out in this package, `keras` is Keras's.
    """

    name: str
    settings: type[NormConfig]
    title: str
    formula: str
    normalizes_over: str
    source: str
    when_to_use: str
    invariances: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    shift: bool = True
    batch_statistics: bool = False
    spatial_only: bool = False
    token_wise: bool = False
    of_weights: bool = False
    impls: tuple[str, ...] = ("native", "custom")

    def configured(self, impl: str, **settings: Any) -> NormConfig:
        """The configuration with these settings, which must be all that the scheme has; their ranges are checked.

        Raises:
            UserError: unknown impl, or a value out of range.
        """
        return self.settings(self.name, impl, **settings)

    def build(self, impl: str, channels: int, ndim: int, **settings: Any) -> nn.Module:
        """The layer for inputs of `ndim` dimensions: 2 for (N, C), 3 for (N, C, L), 4 for (N, C, H, W).

        Args:
            impl: one of `impls`.
            channels: C.
            ndim: number of dimensions of the input, the batch counted.
            settings: all of the scheme's settings.

        Raises:
            ValueError: unknown impl or ndim; the scheme is not defined for this ndim or these settings; or it
                normalizes weights.
        """
        if self.of_weights:
            raise ValueError(f"norm '{self.name}' is of a layer's weights; it makes no layer of its own.")
        make = self._made_by(impl)
        if ndim not in SHAPES:
            shapes = ", ".join(f"{n} for {shape}" for n, shape in SHAPES.items())
            raise ValueError(f"norm '{self.name}' got inputs of {ndim} dimensions; allowed: {shapes}.")
        layer: nn.Module = make(channels, ndim, **settings)
        return layer

    def reparametrize(self, impl: str, layer: nn.Module, **settings: Any) -> None:
        """Changes a linear or convolutional layer in place, so that the scheme computes its weight.

        Raises:
            ValueError: unknown impl, or the scheme normalizes activations.
        """
        if not self.of_weights:
            raise ValueError(f"norm '{self.name}' is of activations; it does not change a layer's weights.")
        self._made_by(impl)(layer, **settings)

    def _made_by(self, impl: str) -> Any:
        """The function that makes the layer: the one named `impl` in the scheme's module, or Keras's."""
        if impl == "keras":
            return import_module("bnlab.norms.keras_layers").maker(self.name)
        if impl not in self.impls:
            raise ValueError(f"unknown impl '{impl}' of norm '{self.name}'; allowed: {', '.join(self.impls)}.")
        return getattr(import_module(f"bnlab.norms.{self.name}"), impl)
