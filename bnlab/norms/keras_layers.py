"""Keras's normalization layers (Keras 3) with PyTorch's settings, and as torch modules on Keras's torch backend.

Keras's momentum is the weight of the old value, so Keras is given 1 − momentum. One difference stays: Keras stores the
biased variance, PyTorch the unbiased one. ε is inside the root in both.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.group import check_groups

SCHEMES = ("batch", "layer", "group", "rms")

NAMES = {
    "gamma": "weight",
    "scale": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""torch.nn's names of a layer's variables, by Keras's."""


class KerasNorm(nn.Module):
    """A Keras layer as a torch module; `train` and `eval` set its mode.

    Its variables are the module's parameters and buffers, with torch.nn's names. Keras computes with these and stores
    nothing itself (`Layer.stateless_call`), so that everything works that works with torch's layers.

    Args:
        layer: the Keras layer, not built yet.
        shape: of its input; None for an axis of any length.
    """

    treats_alone = Each.CALL

    def __init__(self, layer: Any, shape: tuple[int | None, ...]) -> None:
        super().__init__()
        layer.build(shape)
        self.config = {"class": type(layer).__name__, **layer.get_config()}
        self._learned = [NAMES[variable.name] for variable in layer.trainable_variables]
        self._tracked = [NAMES[variable.name] for variable in layer.non_trainable_variables]
        for name, variable in zip(self._learned, layer.trainable_variables, strict=True):
            self.register_parameter(name, nn.Parameter(variable.value.detach().clone()))
        for name, variable in zip(self._tracked, layer.non_trainable_variables, strict=True):
            self.register_buffer(name, variable.value.detach().clone())

        self._call = _StatelessCall(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of the shape that the layer was built for; the result has the same shape."""
        learned, tracked = ([getattr(self, name) for name in names] for names in (self._learned, self._tracked))
        y: Tensor
        y, updated = self._call(learned, tracked, x, {"training": self.training} if tracked else {})
        for old, new in zip(tracked, updated, strict=True):
            old.copy_(new.detach())
        return y


class _StatelessCall:
    """A Keras layer as a function of its variables' values. It stores none, so copies of a module share it.

    Its `repr` has all settings, by which lifting knows layers that compute the same.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __call__(self, learned: list[Tensor], tracked: list[Tensor], x: Tensor, mode: dict[str, bool]) -> Any:
        import keras

        with keras.device(x.device.type):
            return self._layer.stateless_call(learned, tracked, x, **mode)

    def __deepcopy__(self, memo: dict[int, Any]) -> _StatelessCall:
        return self

    def __repr__(self) -> str:
        return f"{type(self._layer).__name__} {self._layer.get_config()}"


def maker(scheme: str) -> Callable[..., nn.Module]:
    """`build` with the scheme filled in. Raises ValueError if Keras has no such layer."""
    _check_scheme(scheme)
    return functools.partial(build, scheme)


def build(scheme: str, channels: int, ndim: int, dtype: str = "float32", **settings: Any) -> nn.Module:
    """Keras's layer for inputs of `ndim` dimensions, with the settings of this package's layers.

    Raises:
        ValueError: Keras has no such layer, or not for these settings, is not installed, or runs on another backend.
    """
    keras = load("torch")
    if scheme == "group":
        check_groups(channels, settings["num_groups"])
    return KerasNorm(layer(keras, scheme, ndim, dtype, **settings), (None, channels, *(None,) * (ndim - 2)))


def layer(
    keras: ModuleType, scheme: str, ndim: int, dtype: str = "float32", name: str = "norm", **settings: Any
) -> Any:
    """Keras's own layer, on the backend that Keras runs on, with the settings of this package's layers.

    Raises:
        ValueError: Keras has no such layer, or not with these settings, or not for this `ndim`.
    """
    _check_scheme(scheme)
    _check(scheme, ndim, settings)
    layers, affine, eps = keras.layers, settings["affine"], settings["eps"]
    common = {"epsilon": float(np.finfo(dtype).eps) if eps is None else eps, "dtype": dtype, "name": name}
    if scheme == "rms":
        return layers.RMSNormalization(axis=-1, **common)
    common |= {"center": affine, "scale": affine}
    if scheme == "batch":
        return layers.BatchNormalization(axis=1, momentum=1 - settings["momentum"], **common)
    if scheme == "group":
        return layers.GroupNormalization(settings["num_groups"], axis=1, **common)
    assert scheme == "layer", scheme
    if ndim == 2:
        return layers.LayerNormalization(axis=-1, **common)
    return layers.GroupNormalization(1, axis=1, **common)  # LayerNormalization has a gamma for each position there


def _check_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"Keras has no layer for norm '{scheme}'; it has them for {', '.join(SCHEMES)}.")


def _check(scheme: str, ndim: int, settings: dict[str, Any]) -> None:
    if scheme == "rms" and ndim > 2:
        raise ValueError("keras rms normalization takes (N, C) only: with spatial axes its scale is for each position.")
    if scheme == "rms" and not settings["affine"]:
        raise ValueError("keras rms normalization got affine=False, but Keras's layer always has a scale.")
    if scheme == "batch" and settings["momentum"] is None:
        raise ValueError("keras batch normalization got momentum=None, but Keras has no cumulative average; set one.")
    if scheme == "batch" and not settings["track_running_stats"]:
        raise ValueError("keras batch normalization got track_running_stats=False, but Keras's layer always tracks.")


def is_installed() -> bool:
    """Whether Keras can be imported."""
    return importlib.util.find_spec("keras") is not None


def load(backend: str) -> ModuleType:
    """Imports Keras on this backend.

    A process has one backend: the one in the environment variable KERAS_BACKEND, or else the first one loaded.

    Raises:
        ValueError: Keras is not installed, or runs on another backend.
    """
    if not is_installed():
        raise ValueError("it needs Keras: pip install 'bnlab[keras]'")
    running = os.environ.setdefault("KERAS_BACKEND", backend)
    if running == backend:
        import keras

        running = keras.backend.backend()  # another, if it was loaded before the variable was set
    if running != backend:
        raise ValueError(
            f"Keras runs on {running} in this process, which can have one backend; train with {backend} by itself, and"
            f" with KERAS_BACKEND={backend} or unset."
        )
    module: ModuleType = keras
    return module
