"""Schemes whose formula is not a standardization of x by one mean and variance.

Each function has the signature of `Forward` in reference.py, which also says why x may be complex.

Shapes: x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,), α and s (1,), weights and whitening
matrices (C, C), lengths of weights (C, 1).

Besides a scheme's settings, `settings` may hold another choice for a step of its formula: that is how a known mistake
is made (bnlab/verification/mistakes/wrong_formula.py). Without one, the function is the definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnlab.verification.reference.recipe import Recipe
from bnlab.verification.reference.standardize import standardize

Array = NDArray[Any]
Values = dict[str, Array]


def dynamic_tanh(x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ tanh(α x) + β (Zhu et al. 2025, arXiv 2503.10622)."""
    alpha = _fit(parameters["alpha"], x) if parameters["alpha"].size > 1 else parameters["alpha"]
    place, squash = settings.get("alpha_at", "inside"), settings.get("squash", "tanh")
    u = {"inside": alpha * x, "divides": x / alpha}.get(place, x)
    squashed: dict[str, Callable[[], Any]] = {
        "tanh": lambda: np.tanh(u),
        "sigmoid": lambda: 1 / (1 + np.exp(-u)),
        "nothing": lambda: u,
    }
    y = np.asarray(squashed[squash]())
    return _affine(alpha * y if place == "outside" else y, parameters, settings["affine"])


def dynamic_erf(x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ erf(α x + s) + β (Chen et al. 2025, arXiv 2512.10938)."""
    from scipy.special import erf  # slow to import, and few schemes need it

    alpha, shift = parameters["alpha"], parameters["shift"]
    u = alpha * (x + shift) if settings.get("shift_at") == "x" else alpha * x + shift
    return _affine(np.asarray(erf(u)), parameters, settings["affine"])


def bounded(x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ f(α x + s) + β with the bounded function f of the settings (Chen et al. 2025, arXiv 2512.10938)."""
    from scipy.special import erf  # slow to import, and few schemes need it

    u = parameters["alpha"] * x + parameters["shift"]
    root = np.sqrt(1 + u**2)
    functions: dict[str, Callable[[], Any]] = {
        "erf": lambda: erf(u),
        "tanh": lambda: np.tanh(u),
        "arctan": lambda: np.arctan(u),
        "isru": lambda: u / root,
        "clip": lambda: np.where(np.abs(u.real) < 1, u, np.sign(u.real)),
        "dyisru": lambda: np.sqrt(x.shape[1]) * u / root,
    }
    return _affine(np.asarray(functions[settings["function"]]()), parameters)


def mean_only(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ (x − μ) + β (Salimans & Kingma 2016, arXiv 1602.07868)."""
    mean = x.mean(_over_batch(x))
    used = _tracked(statistics, settings, {"running_mean": mean}, training)
    return _affine(x - _fit(used["running_mean"], x), parameters)


def variance_only(
    x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool
) -> Array:
    """γ x / √(σ² + ε) + β (Daneshmand et al. 2020, arXiv 2003.01652); the unbiased σ² is stored."""
    axes = _over_batch(x)
    n = x.size // x.shape[1]
    var = ((x - x.mean(axes, keepdims=True)) ** 2).mean(axes)
    stored = _tracked(statistics, settings, {"running_var": var * n / max(n - 1, 1)}, training)
    used = var if training else stored["running_var"]
    return _affine(x / np.sqrt(_fit(used, x) + settings["eps"]), parameters)


def noisy(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Batch norm of x, times s, plus m, both random for each sample and channel.

    Source: Santurkar et al. 2018, arXiv 1805.11604.
    """
    y = _batch(x, parameters, statistics, settings, training)
    if not training:
        return y
    n, channels = x.shape[:2]
    seeds = _noise(0, 0, np.arange(channels))
    u = (_noise(seeds, _counted(statistics), np.arange(2 + 3 * n)[:, None]) + 0.5) / 2**32
    of_shift, radius, angle = u[2 : 2 + n], u[2 + n : 2 + 2 * n], u[2 + 2 * n :]
    shift = settings["centre"] * (2 * u[0] - 1) + settings["jitter"] * (2 * of_shift - 1)
    normal = np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle)
    scale = 1 + (settings["deviation"] - 1) * u[1] + settings["jitter"] * normal
    shape = (n, channels, *(1,) * (x.ndim - 2))
    return np.asarray(y * scale.reshape(shape) + shift.reshape(shape))


def ghost_noise(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Batch norm whose x̂ is shifted and scaled, for each sample, by the statistics of V random samples of the batch.

    Source: Kosson et al. 2023, arXiv 2305.17205.
    """
    x_hat = _batch(x, {}, statistics, settings, training)
    if training:
        n, size, seen = len(x), settings["virtual_batch_size"], x_hat.real
        drawn = (_noise(0, _counted(statistics), np.arange(n * size)) * n >> 32).reshape(n, size)
        moments = [(each.mean(_over_batch(x)), each.var(_over_batch(x))) for each in (seen, *(seen[i] for i in drawn))]
        (mean, var), *ghosts = moments
        shift = np.stack([of_ghost - mean for of_ghost, _ in ghosts])
        scale = np.sqrt(np.stack([of_ghost + 1e-3 for _, of_ghost in ghosts]) / (var + 1e-3))
        shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
        x_hat = (x_hat - shift.reshape(shape)) / scale.reshape(shape)
    return _affine(x_hat, parameters)


def eval_norm(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Batch norm that in evaluation mixes the running statistics with the sample's own.

    Source: Singh & Shrivastava 2019, arXiv 1904.06031.
    """
    if training:
        statistics["largest"] = np.maximum(statistics.get("largest", np.array(2)), len(x))
        return _batch(x, parameters, statistics, settings, training)
    share = settings["own_share"] or 1 / float(statistics.get("largest", np.array(2))) ** 2
    spatial = tuple(range(2, x.ndim))
    own_mean, own_var = x.mean(spatial, keepdims=True), x.var(spatial, keepdims=True)
    mean, var = (_fit(statistics[name], x) for name in ("running_mean", "running_var"))
    mixed = (1 - share) * (var + mean**2) + share * (own_var + own_mean**2)
    mean = (1 - share) * mean + share * own_mean
    return _affine((x - mean) / np.sqrt(mixed - mean**2 + settings["eps"]), parameters)


def power(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ x / √(ψ² + ε) + β with the running ψ² from before the batch; in warm-up with the batch's own mean(x²).

    Source: Shen et al. 2020, arXiv 2003.07845.
    """
    used = running = statistics["running_mean_square"]
    if training:
        of_batch = (x**2).mean(_over_batch(x))
        used = of_batch if _counted(statistics) <= settings["warmup_steps"] else running
        m = settings["momentum"]
        statistics["running_mean_square"] = (1 - m) * running + m * of_batch.real
    return _affine(x / np.sqrt(_fit(used, x) + settings["eps"]), parameters)


def online(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ x̂ + β divided by its root mean square; x̂ uses the statistics of all samples before.

    Source: Chiley et al. 2019, arXiv 1905.05894.
    """
    x_hat, _ = _online_x_hat(x, statistics, settings, training)
    return _scaled_by_rms(x_hat, parameters, settings)


def online_gradient(x: Array, g: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any]) -> Array:
    """∂loss/∂x from g = ∂loss/∂y by the control process of `online`'s paper, which replaces the derivative.

    It goes sample by sample; its states u and q are 0 before the first.
    """
    x_hat, rstd = _online_x_hat(x, statistics, settings, True)
    h, step = np.empty_like(x), 1e-30
    for index in np.ndindex(x.shape):  # ∂loss/∂x̂, by complex steps
        moved = x_hat.astype(complex)
        moved[index] += step * 1j
        h[index] = np.sum(g * _scaled_by_rms(moved, parameters, settings).imag) / step
    u = q = np.zeros((x.shape[1], *(1,) * (x.ndim - 2)))
    found, space, c = np.empty_like(x), tuple(range(1, x.ndim - 1)), settings["gradient_momentum"]
    for t in range(len(x)):
        controlled = h[t] - c * u * x_hat[t]
        found[t] = controlled * rstd[t] - c * q
        u = u + (controlled * x_hat[t]).mean(space, keepdims=True)
        q = q + found[t].mean(space, keepdims=True)
    return found


def _online_x_hat(x: Array, statistics: Values, settings: Mapping[str, Any], training: bool) -> tuple[Array, Array]:
    """x̂, and for each sample 1 / √(σ² + ε), by which it was multiplied."""
    mean, var = (_fit(statistics[name], x)[None] for name in ("running_mean", "running_var"))
    if not training:
        rstd = 1 / np.sqrt(var + settings["eps"])
        return np.asarray((x - mean) * rstd), rstd
    w, space = settings["momentum"], tuple(range(2, x.ndim))
    x_hats, rstds = [], []
    for sample in x[:, None]:
        rstds.append(1 / np.sqrt(var + settings["eps"]))
        x_hats.append((sample - mean) * rstds[-1])
        own, spread = sample.real.mean(space, keepdims=True), sample.real.var(space, keepdims=True)
        var = (1 - w) * var + w * spread + w * (1 - w) * (own - mean) ** 2
        mean = (1 - w) * mean + w * own
    statistics["running_mean"], statistics["running_var"] = mean.reshape(-1), var.reshape(-1)
    return np.concatenate(x_hats), np.concatenate(rstds)


def _scaled_by_rms(x_hat: Array, parameters: Values, settings: Mapping[str, Any]) -> Array:
    z = _affine(x_hat, parameters)
    return np.asarray(z / np.sqrt((z**2).mean(tuple(range(1, z.ndim)), keepdims=True) + settings["eps"]))


def l1(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """γ (x − μ) / (√(π/2) mean|x − μ| + ε) + β (Hoffer et al. 2018, arXiv 1803.01814)."""
    axes = _over_batch(x)
    mean = x.mean(axes)
    centred = x - _fit(mean, x)
    std = np.sqrt(np.pi / 2) * (centred * np.sign(centred.real)).mean(axes)
    used = _tracked(statistics, settings, {"running_mean": mean, "running_std": std}, training)
    return _affine((x - _fit(used["running_mean"], x)) / (_fit(used["running_std"], x) + settings["eps"]), parameters)


def weight_norm(x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Linear: x wᵀ with w = g v / ‖v‖ for each output unit (Salimans & Kingma 2016, arXiv 1602.07868)."""
    g, v = parameters["original0"], parameters["original1"]
    squares = (v**2).sum(_OVER[settings.get("over", "inputs")], keepdims=True)
    root = np.sqrt(squares) + settings.get("added", 0.0)
    length = {"square": squares, "nothing": np.ones_like(squares)}.get(settings.get("divisor", ""), root)
    gain = np.ones_like(g) if settings.get("gain") == "none" else g
    return _linear(x, gain.reshape(-1, 1) * v / length)


_OVER = {"inputs": (1,), "outputs": (0,), "all": (0, 1)}
"""The axes of a weight of shape (out, in) over which a length, or a mean and a deviation, is taken."""


def weight_standardization(
    x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool
) -> Array:
    """Linear: x ŵᵀ with ŵ = (w − μ) / (σ + ε) for each output unit (Qiao et al. 2019, arXiv 1903.10520)."""
    w, axes = parameters["original"], _OVER[settings.get("over", "inputs")]
    mean = w.mean(axes, keepdims=True)
    spread = (w - mean) ** 2
    var = np.asarray(spread.mean(axes, keepdims=True))
    count = spread.size // var.size
    var = var * (count / (count - 1) if settings.get("variance") == "unbiased" else 1)
    if settings.get("constant") == "both":
        mean, var = mean.real, var.real
    eps = settings["eps"]
    deviation = np.sqrt(var + eps) if settings.get("place") == "inside" else np.sqrt(var) + eps
    standardized = (w - (0 if settings.get("centred") is False else mean)) / deviation
    standardized = w if settings.get("divisor") == "nothing" else standardized
    return _linear(x, parameters.get("gain", np.ones(1)).reshape(-1, 1) * standardized)


def spectral_norm(x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Linear: x wᵀ with w = W / σ(W), the largest singular value (Miyato et al. 2018, arXiv 1802.05957).

    σ = uᵀ W v with the singular vectors u and v; its derivative is right with u and v held constant.
    """
    w = parameters["original"]
    u, _singular_values, v = np.linalg.svd(w.real)
    sigma = np.asarray(u[:, 0] @ w @ v[0])
    by = {"square": sigma**2, "frobenius": np.sqrt((w**2).sum()), "constant": sigma.real, "nothing": np.ones(())}
    return _linear(x, np.asarray(w / by.get(settings.get("divisor", ""), sigma)))


def iter_norm(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    """Σ^(−1/2) (x − μ) by Newton's method on Σ / tr Σ (Huang et al. 2019, arXiv 1904.03441, algorithms 1 and 2)."""
    flat: Array = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    moves = training or settings.get("update") == "always"
    by = settings.get("train_by", "batch") if training else settings.get("eval_by", "running")
    if moves or by == "batch":
        mean = np.asarray(flat.mean(1))
        centred, eye, n = flat - mean[:, None], np.eye(len(flat)), flat.shape[1]
        sigma = centred @ centred.T / (n - 1 if settings.get("variance") == "unbiased" else n)
        sigma = sigma + (0 if settings.get("place") == "none" else settings["eps"]) * eye
        trace = np.trace(sigma)
        whitening = eye
        for _ in range(int(settings["iterations"])):
            whitening = (3 * whitening - whitening @ whitening @ whitening @ sigma / trace) / 2
        whitening = whitening / {"left": 1.0, "whole": trace}.get(settings.get("trace", ""), np.sqrt(trace))
    if moves:
        m = 1 - settings["momentum"] if settings.get("weighs") == "old" else settings["momentum"]
        statistics["running_mean"] = (1 - m) * statistics["running_mean"] + m * mean.real
        statistics["running_whitening"] = (1 - m) * statistics["running_whitening"] + m * whitening.real
    if by != "batch":
        mean, whitening = statistics["running_mean"], statistics["running_whitening"]
    y = whitening @ (flat - mean[:, None])
    return _affine(np.moveaxis(y.reshape(x.shape[1], len(x), *x.shape[2:]), 0, 1), parameters, settings["affine"])


def scaled_weight_standardization(
    x: Array, parameters: Values, _: Values, settings: Mapping[str, Any], training: bool
) -> Array:
    """Linear: x ŵᵀ with ŵ = g (w − μ) / √(max(K σ², ε)) for each output unit (Brock et al. 2021, arXiv 2101.08692)."""
    w, eps = parameters["original"], settings["eps"]
    centred, fan_in = w - w.mean(1, keepdims=True), w.shape[1]
    squares = (centred**2).sum(1, keepdims=True) / (fan_in if settings.get("fan_in") == "left out" else 1)
    squares = squares * (fan_in / (fan_in - 1) if settings.get("variance") == "unbiased" else 1)
    squares = np.where(squares.real > eps, squares, eps)
    return _linear(x, settings["gain"] * centred / np.sqrt(squares))


def _batch(x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool) -> Array:
    return standardize(Recipe(samples=True, channels="channel"), x, parameters, statistics, settings, training)


def _counted(statistics: Values) -> int:
    """The number of this batch, from 1; the count is kept among the statistics."""
    statistics["batches"] = statistics.get("batches", np.zeros((), int)) + 1
    return int(statistics["batches"])


def _noise(seed: Any, count: int, number: Array) -> Array:
    """32 pseudo-random bits for each number, as bnlab.seeds.noise makes them."""
    return _scrambled(number * 0x9E3779B1 + _scrambled(seed + _scrambled(np.asarray(count))))


def _scrambled(numbers: Array) -> Array:
    """The last step of the hash function MurmurHash3 (Appleby 2011)."""
    h = np.asarray(numbers).astype(np.uint64) & np.uint64(2**32 - 1)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ h >> np.uint64(shift)) * np.uint64(factor) & np.uint64(2**32 - 1)
    return (h ^ h >> np.uint64(16)).astype(np.int64)


def _over_batch(x: Array) -> tuple[int, ...]:
    """All axes but the channels'."""
    return (0, *range(2, x.ndim))


def _tracked(statistics: Values, settings: Mapping[str, Any], of_batch: Values, training: bool) -> Values:
    """The statistics to normalize by: the batch's in training, which also updates the running ones; else those."""
    if not training:
        return statistics
    m = settings["momentum"]
    for name, value in of_batch.items():
        statistics[name] = (1 - m) * statistics[name] + m * value.real
    return of_batch


def _linear(x: Array, w: Array) -> Array:
    """Linear: x wᵀ at each position, for w of shape (out, in), as a convolution with a kernel of one pixel."""
    return np.moveaxis(np.tensordot(w, x, (1, 1)), 0, 1)


def _fit(values: Array, x: Array) -> Array:
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _affine(x_hat: Array, parameters: Values, which: bool | str = True) -> Array:
    """γ x̂ + β, or with a mistake: only `gamma` or `beta`, `none` of them, or `minus beta`."""
    gamma, beta = parameters.get("weight", np.ones(1)), parameters.get("bias", np.zeros(1))
    gamma = np.ones_like(gamma) if which in ("beta", "none") else gamma
    beta = np.zeros_like(beta) if which in ("gamma", "none") else -beta if which == "minus beta" else beta
    return np.asarray(_fit(gamma, x_hat) * x_hat + _fit(beta, x_hat))
