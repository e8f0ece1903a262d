"""γ (x − μ) / √(σ² + ε) + β in float64 NumPy, choice by choice as a `Recipe` says, for complex x; see reference.py.

Shapes: x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnlab.verification.reference.recipe import Recipe

Array = NDArray[Any]
Values = dict[str, Array]
Settings = Mapping[str, Any]


def per_channel(values: Array, ndim: int) -> Array:
    """Shape (C,) to (C, 1, ...), to broadcast over (N, C, ...)."""
    return values.reshape(-1, *(1,) * (ndim - 2))


def standardize(
    recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Settings, training: bool
) -> Array:
    """Y of x; running statistics are updated in place."""
    if recipe.affine == "before":
        x = _affine("both", x, parameters)
    by = (recipe.train_by if training else recipe.eval_by) if statistics else "batch"
    mean, var, count = moments(recipe, x, settings.get("num_groups", 1))
    used = (mean, var * _correction(recipe.variance, count)) if by == "batch" else _running(statistics, x.ndim)
    if statistics and recipe.updates_in(training):
        _update(recipe, statistics, settings, x, mean, var, count)
    if by == "updated":
        used = _running(statistics, x.ndim)
    if by == "squares":
        used = used[0], used[1] ** 2
    eps = recipe.eps if training else recipe.eval_eps or recipe.eps
    x_hat = _scaled(recipe, x, used[0], used[1], eps, recipe.eps_value or settings["eps"])
    return _affine(recipe.affine, x_hat, parameters)


def moments(recipe: Recipe, x: Array, num_groups: int) -> tuple[Array, Array, int]:
    """Mean and biased variance, so shaped that they broadcast against x, and how many values each is taken from."""
    n, c = x.shape[:2]
    groups = {"channel": c, "group": num_groups, "interleaved": num_groups, "sized": c // num_groups, "all": 1}[
        recipe.channels
    ]
    space = (*x.shape[2:], 1, 1)[:2]
    interleaved = recipe.channels == "interleaved"
    blocks = x.reshape(n, c // groups, groups, *space) if interleaved else x.reshape(n, groups, c // groups, *space)
    spatial = {"all": (3, 4), "first": (3,), "second": (4,), "none": ()}[recipe.space]
    axes = (*((0,) if recipe.samples else ()), 1 if interleaved else 2, *spatial)
    count = int(np.prod([blocks.shape[axis] for axis in axes]))
    mean = blocks.mean(axes, keepdims=True) if recipe.centred else np.zeros((1,) * 5)
    if recipe.shortcut:
        var = (blocks**2).mean(axes, keepdims=True) - mean**2
    else:
        var = ((blocks - mean) ** 2).mean(axes, keepdims=True)
    if recipe.constant in ("mean", "both"):
        mean = mean.real
    if recipe.constant in ("variance", "both"):
        var = var.real

    def like_x(value: Array) -> Array:
        return np.broadcast_to(value, blocks.shape).reshape(x.shape)

    return like_x(mean), like_x(var), count


def gradient_factor(recipe: Recipe, x: Array, settings: Settings) -> Array | float:
    """By what a mistaken backward pass multiplies the gradient of x."""
    _, var, count = moments(recipe, x, settings.get("num_groups", 1))
    factors: dict[str, Array | float] = {
        "negative": -1.0,
        "times n": float(count),
        "by the variance": 1 / np.sqrt(var + settings["eps"]),
    }
    return factors.get(recipe.input_gradient, 1.0)


def _running(statistics: Values, ndim: int) -> tuple[Array, Array]:
    return per_channel(statistics["running_mean"], ndim), per_channel(statistics["running_var"], ndim)


def _update(
    recipe: Recipe, statistics: Values, settings: Settings, x: Array, mean: Array, var: Array, count: int
) -> None:
    """Moves running to (1 − m) running + m batch; what is fed is the mean over samples and positions, shape (C,)."""
    mean, var = (np.asarray(value.real.mean((0, *range(2, x.ndim)))) for value in (mean, var))
    stored = {
        "unbiased": var * _correction("unbiased", count),
        "biased": var,
        "by samples": var * _correction("unbiased", len(x)),
        "deviation": np.sqrt(var),
        "unbiased deviation": np.sqrt(var * _correction("unbiased", count)),
        "product": var / _correction("unbiased", count),
        "with eps": (var + settings["eps"]) * _correction("unbiased", count),
        "and eps": var * _correction("unbiased", count) + settings["eps"],
    }[recipe.stored]
    of_batch = _weight_of_batch(recipe, statistics, settings)
    fed = {"running_mean": mean * (count if recipe.stored_mean == "sum" else 1), "running_var": stored}
    for name, new in fed.items():
        if recipe.updated in ("both", name):
            weight = 1 - of_batch if recipe.momentum in ("old", f"old in {name}") else of_batch
            statistics[name] = (1 - weight) * statistics[name] + weight * new


def _weight_of_batch(recipe: Recipe, statistics: Values, settings: Settings) -> float:
    """What momentum is; an average needs to count, and does it among the statistics."""
    if recipe.momentum == "average":
        statistics["batches"] = statistics.get("batches", np.zeros(())) + 1
        return 1 / float(statistics["batches"])
    return float(recipe.momentum_value or settings["momentum"])


def _correction(variance: str, count: int) -> float:
    """What the biased variance is multiplied by; nothing sensible for one value."""
    return {"biased": 1.0, "unbiased": count / max(count - 1, 1), "sum": float(count)}[variance]


def _scaled(recipe: Recipe, x: Array, mean: Array, var: Array, place: str, eps: float) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = x - recipe.taken_off * mean
        if recipe.divisor != "root":
            factors = {"variance": 1 / (var + eps), "square": 1 / (var + eps) ** 2, "multiplied": np.sqrt(var + eps)}
            return np.asarray(centred * factors[recipe.divisor])
        if place == "clamped":
            return np.asarray(centred / np.sqrt(np.where(var.real > eps, var, eps)))
        inside, outside = {
            "inside": (eps, 0.0),
            "outside": (0.0, eps),
            "none": (0.0, 0.0),
            "twice": (2 * eps, 0.0),
            "subtracted": (-eps, 0.0),
        }[place]
        return np.asarray(centred / (np.sqrt(var + inside) + outside))


def _affine(how: str, x_hat: Array, parameters: Values) -> Array:
    gamma, beta = parameters.get("weight", np.ones(1)), parameters.get("bias", np.zeros(1))
    gamma, beta = {
        "both": (gamma, beta),
        "before": (gamma * 0 + 1, beta * 0),
        "swapped": (beta, gamma),
        "gamma": (gamma, beta * 0),
        "beta": (gamma * 0 + 1, beta),
        "minus beta": (gamma, -beta),
        "one more": (gamma + 1, beta),
        "none": (gamma * 0 + 1, beta * 0),
    }[how]
    return np.asarray(per_channel(gamma, x_hat.ndim) * x_hat + per_channel(beta, x_hat.ndim))
