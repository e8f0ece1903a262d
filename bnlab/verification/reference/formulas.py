"""Schemes whose formula is not a standardization of x by one mean and variance, for complex x; see reference.py.

Shapes: x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,), α and s (1,), weights and whitening
matrices (C, C), lengths of weights (C, 1).
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


def spectral_norm(x: Array, parameters: Values, *_: Any) -> Array:
    """Linear: x wᵀ with w = W / σ(W), the largest singular value (Miyato et al. 2018, arXiv 1802.05957).

    σ = uᵀ W v, whose derivative is that of σ as u and v are the singular vectors.
    """
    w = parameters["original"]
    u, _singular_values, v = np.linalg.svd(w.real)
    return _linear(x, np.asarray(w / (u[:, 0] @ w @ v[0])))


def evonorm_s0(x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ x sigmoid(v x) / √(σ² + ε) + β, with σ² of each sample and group (Liu et al. 2020, arXiv 2004.02967)."""
    groups = x.reshape(len(x), settings["num_groups"], -1)
    centred = groups - groups.mean(2, keepdims=True)
    std = np.sqrt((centred**2).mean(2, keepdims=True) + settings["eps"])
    swish = x / (1 + np.exp(-_fit(parameters["v"], x) * x))
    return _affine(swish / np.broadcast_to(std, groups.shape).reshape(x.shape), parameters)


def iter_norm(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Σ^(−1/2) (x − μ) by Newton's method on Σ / tr Σ (Huang et al. 2019, arXiv 1904.03441, algorithms 1 and 2)."""
    flat: Array = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    mean, whitening = statistics["running_mean"], statistics["running_whitening"]
    if training:
        mean = np.asarray(flat.mean(1))
        centred = flat - mean[:, None]
        sigma = centred @ centred.T / flat.shape[1] + settings["eps"] * np.eye(len(flat))
        whitening = np.eye(len(flat))
        for _ in range(int(settings["iterations"])):
            whitening = (3 * whitening - whitening @ whitening @ whitening @ sigma / np.trace(sigma)) / 2
        whitening = whitening / np.sqrt(np.trace(sigma))
        m = settings["momentum"]
        statistics["running_mean"] = (1 - m) * statistics["running_mean"] + m * mean.real
        statistics["running_whitening"] = (1 - m) * statistics["running_whitening"] + m * whitening.real
    y = whitening @ (flat - mean[:, None])
    return _affine(np.moveaxis(y.reshape(x.shape[1], len(x), *x.shape[2:]), 0, 1), parameters)


def _linear(x: Array, w: Array) -> Array:
    """Each position's channels times w (out, in): what a convolution with a kernel of one pixel is too."""
    return np.moveaxis(np.tensordot(w, x, (1, 1)), 0, 1)


def _fit(values: Array, x: Array) -> Array:
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _affine(x_hat: Array, parameters: Values) -> Array:
    gamma, beta = parameters.get("weight", np.ones(1)), parameters.get("bias", np.zeros(1))
    return np.asarray(_fit(gamma, x_hat) * x_hat + _fit(beta, x_hat))
