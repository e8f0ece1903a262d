"""Keras's normalization layers as torch modules (Keras 3 on its torch backend), in PyTorch's conventions.

Keras's momentum is the weight of the old value, so it is given 1 − momentum. What Keras stores cannot be translated:
its moving variance is the biased one, where PyTorch's running variance is unbiased.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from torch import Tensor, nn

SCHEMES = ("batch", "layer", "group", "rms")


class KerasNorm(nn.Module):
    """A Keras layer that takes its mode from `Module.train` and `Module.eval`."""

    def __init__(self, layer: Any, shape: tuple[int | None, ...]) -> None:
        super().__init__()
        layer.build(shape)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of the shape that the layer was built for; the result has the same shape."""
        y: Tensor = self.layer(x, training=self.training)
        return y


def build(scheme: str, channels: int, ndim: int, dtype: str = "float32", **settings: Any) -> nn.Module:
    """Keras's layer for inputs of `ndim` dimensions, with the settings of this package's layers.

    Raises:
        ValueError: Keras has no such layer, or not for this `ndim`, or runs on another backend.
        ImportError: Keras is not installed.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"Keras has no layer for norm '{scheme}'; it has them for {', '.join(SCHEMES)}.")
    if scheme == "rms" and ndim > 2:
        raise ValueError("keras rms normalization takes (N, C) only: with spatial axes its scale is for each position.")
    if scheme == "rms" and not settings["affine"]:
        raise ValueError("keras rms normalization got affine=False, but Keras's layer always has a scale.")
    layers = _keras().layers
    affine, common = settings["affine"], {"epsilon": settings["eps"], "dtype": dtype, "name": "norm"}
    if scheme == "batch":
        layer = layers.BatchNormalization(
            axis=1, momentum=1 - settings["momentum"], center=affine, scale=affine, **common
        )
    elif scheme == "group":
        layer = layers.GroupNormalization(settings["num_groups"], axis=1, center=affine, scale=affine, **common)
    elif scheme == "rms":
        layer = layers.RMSNormalization(axis=-1, **common)
    elif ndim == 2:
        layer = layers.LayerNormalization(axis=-1, center=affine, scale=affine, **common)
    else:  # LayerNormalization has a gamma for each position there
        layer = layers.GroupNormalization(1, axis=1, center=affine, scale=affine, **common)
    return KerasNorm(layer, (None, channels, *(None,) * (ndim - 2)))


def _keras() -> ModuleType:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if keras.backend.backend() != "torch":
        raise ValueError(f"Keras runs on {keras.backend.backend()} here; start with KERAS_BACKEND=torch.")
    module: ModuleType = keras
    return module
