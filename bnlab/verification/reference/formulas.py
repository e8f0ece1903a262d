"""Schemes whose formula is not a standardization of x by one mean and variance, for complex x; see reference.py.

Shapes: x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,), α and s (1,), weights
(C, C), their lengths (C, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Values = dict[str, Array]


def dynamic_tanh(x: Array, parameters: Values, *_: Any) -> Array:
    """γ tanh(α x) + β (Zhu et al. 2025, arXiv 2503.10622)."""
    return _affine(np.tanh(parameters["alpha"] * x), parameters)


def dynamic_erf(x: Array, parameters: Values, *_: Any) -> Array:
    """γ erf(α x + s) + β (Chen et al. 2025, arXiv 2512.10938)."""
    from scipy.special import erf  # slow to import, and no other scheme needs it

    return _affine(np.asarray(erf(parameters["alpha"] * x + parameters["shift"])), parameters)


def switchable(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Statistics of IN, LN and BN mixed by softmax (Luo et al. 2018, arXiv 1806.10779); on (N, C) of LN and BN."""
    spatial = tuple(range(2, x.ndim))
    kinds = [spatial, (1, *spatial), (0, *spatial)][0 if spatial else 1 :]
    moments = [(mean := x.mean(axes, keepdims=True), ((x - mean) ** 2).mean(axes, keepdims=True)) for axes in kinds]
    if training:
        for name, value in zip(("running_mean", "running_var"), moments[-1], strict=True):
            m = settings["momentum"]
            statistics[name] = (1 - m) * statistics[name] + m * value.real.reshape(-1)
    else:
        moments[-1] = (_fit(statistics["running_mean"], x), _fit(statistics["running_var"], x))
    mean, var = (
        sum(share * each[i] for share, each in zip(_softmax(parameters[name]), moments, strict=True))
        for i, name in enumerate(("mean_logits", "var_logits"))
    )
    return _affine((x - mean) / np.sqrt(var + settings["eps"]), parameters)


def weight_norm(x: Array, parameters: Values, *_: Any) -> Array:
    """Linear: x wᵀ with w = g v / ‖v‖ for each output unit (Salimans & Kingma 2016, arXiv 1602.07868)."""
    g, v = parameters["original0"], parameters["original1"]
    return _linear(x, g.reshape(-1, 1) * v / np.sqrt((v**2).sum(1, keepdims=True)))


def weight_standardization(
    x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool
) -> Array:
    """Linear: x ŵᵀ with ŵ = (w − μ) / (σ + ε) for each output unit (Qiao et al. 2019, arXiv 1903.10520)."""
    w = parameters["original"]
    centred = w - w.mean(1, keepdims=True)
    return _linear(x, centred / (np.sqrt((centred**2).mean(1, keepdims=True)) + settings["eps"]))


def _linear(x: Array, w: Array) -> Array:
    """Each position's channels times w (out, in): what a convolution with a kernel of one pixel is too."""
    return np.moveaxis(np.tensordot(w, x, (1, 1)), 0, 1)


def _softmax(values: Array) -> Array:
    return np.asarray(np.exp(values) / np.exp(values).sum())


def _fit(values: Array, x: Array) -> Array:
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _affine(x_hat: Array, parameters: Values) -> Array:
    gamma, beta = parameters.get("weight", np.ones(1)), parameters.get("bias", np.zeros(1))
    return np.asarray(_fit(gamma, x_hat) * x_hat + _fit(beta, x_hat))
