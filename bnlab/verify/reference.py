"""What every scheme computes, in float64 NumPy and without torch: the numbers that a layer is held against.

A reference is one function `forward(x, parameters, statistics, settings, training)`. It takes complex x and parameters
as well, so that gradients come from the function itself and not from formulas that could share a layer's mistake:
with a step too small to change the real part, d f / d x = Im f(x + i h) / h is exact to rounding (the complex step
method, Squire & Trapp 1998). `.real` of a statistic is therefore what `detach()` is in PyTorch.

Every scheme has an entry in `REFERENCES`.

Shapes: N batch, C channels, L, H, W spatial; x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnlab.verify import formulas
from bnlab.verify.recipe import Recipe

Array = NDArray[Any]
Values = dict[str, Array]

Forward = Callable[[Array, Values, Values, Mapping[str, Any], bool], Array]
"""(x, parameters, statistics, settings, training) -> y; in training it replaces the entries of `statistics`."""

STEP = 1e-30

WEIGHT = np.array(
    [
        [1, 2, 2, 0, 0, 0],
        [0, 2, -3, 6, 0, 0],
        [0, 0, 1, 4, -8, 0],
        [0, 0, 0, 4, 4, 7],
        [-2, 0, 0, 0, 6, 9],
        [6, 6, 0, 0, 0, 7],
    ],
    dtype=float,
)
"""The layer that a scheme of weights is tried on. Its rows have whole lengths, which are exact in any precision."""


@dataclass(frozen=True)
class Reference:
    """One scheme.

    Attributes:
        forward: y of x.
        settings: those at which layers are verified: unlike any default, so that a setting that is ignored shows.
        initial: first values of the parameters, by the layer's own names; a number is that of each channel.
        statistics: running statistics of a new layer.
        initial_spatial: the parameters for inputs with spatial axes, where they are others.
        constants: what the gradient takes for constants by definition, so that no finite difference agrees with it.
        of_weights: it is a linear layer from C channels to C, whose weight starts as `WEIGHT`.
        recipe: how `forward` goes, when it is `standardize`; then known mistakes can be tried.
    """

    forward: Forward
    settings: Mapping[str, Any]
    initial: Mapping[str, float | Array] = field(default_factory=dict)
    statistics: Mapping[str, float] = field(default_factory=dict)
    initial_spatial: Mapping[str, float | Array] | None = None
    constants: str = ""
    of_weights: bool = False
    recipe: Recipe | None = None

    def on(self, ndim: int) -> Reference:
        """For inputs of `ndim` dimensions."""
        if ndim == 2 or self.initial_spatial is None:
            return self
        return replace(self, initial=self.initial_spatial)

    def by(self, **changes: Any) -> Reference:
        """The same scheme with another recipe: a framework's convention, or a mistake."""
        if self.recipe is None:
            raise ValueError("this reference has no recipe")
        recipe = replace(self.recipe, **changes)
        statistics = dict(self.statistics)
        if statistics:
            statistics["running_var"] = recipe.initial_var
        return replace(self, forward=partial(standardize, recipe), recipe=recipe, statistics=statistics)


def per_layer(starts: Mapping[str, float | Array], channels: int) -> Values:
    """Those first values as arrays: a number becomes one of shape (C,)."""
    return {name: np.array(start) if np.ndim(start) else np.full(channels, start) for name, start in starts.items()}


def gradient(function: Callable[[Array], Array], at: Array, g: Array) -> Array:
    """∂ Σ g·function(v) / ∂v at v = `at`, by complex steps; the shape of `at`."""
    result = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[index] += STEP * 1j
        result[index] = np.sum(g * function(moved).imag) / STEP
    return result


def per_channel(values: Array, ndim: int) -> Array:
    """Shape (C,) to (C, 1, ...), to broadcast over (N, C, ...)."""
    return values.reshape(-1, *(1,) * (ndim - 2))


def standardize(
    recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Mapping[str, Any], training: bool
) -> Array:
    """γ (x − μ) / √(σ² + ε) + β, step by step as the recipe says; running statistics are updated in place."""
    by_running = bool(statistics) and (recipe.train_by if training else recipe.eval_by) != "batch"
    update = bool(statistics) and recipe.updates_in(training)
    mean, var, count = _moments(recipe, x, settings.get("num_groups", 1))
    before = _running(statistics, x.ndim) if by_running else (mean, var * _bessel(recipe.variance, count))
    if update:
        _update(recipe, statistics, settings, _channels(mean, x), _channels(var, x), count)
    used = _running(statistics, x.ndim) if by_running and recipe.train_by == "updated" else before
    x_hat = _scaled(recipe, x, used[0], used[1], recipe.eps_value or settings["eps"])
    return _affine(recipe, x_hat, parameters)


def _moments(recipe: Recipe, x: Array, num_groups: int) -> tuple[Array, Array, int]:
    """Mean and biased variance, so shaped that they broadcast against x, and how many values each is taken from."""
    n, c = x.shape[:2]
    groups = {"channel": c, "group": num_groups, "all": 1}[recipe.channels]
    blocks = x.reshape(n, groups, c // groups, -1)
    axes = tuple(axis for axis, kept in ((0, recipe.samples), (2, True), (3, recipe.space)) if kept)
    count = int(np.prod([blocks.shape[axis] for axis in axes]))
    mean = blocks.mean(axes, keepdims=True) if recipe.centred else np.zeros((1,) * 4)
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


def _channels(value: Array, x: Array) -> Array:
    """The mean over samples and positions, shape (C,): what a running statistic is fed with."""
    return np.asarray(value.real.mean((0, *range(2, x.ndim))))


def _running(statistics: Values, ndim: int) -> tuple[Array, Array]:
    return per_channel(statistics["running_mean"], ndim), per_channel(statistics["running_var"], ndim)


def _update(
    recipe: Recipe, statistics: Values, settings: Mapping[str, Any], mean: Array, var: Array, count: int
) -> None:
    weight = recipe.momentum_value or settings["momentum"]
    if recipe.momentum == "old":
        weight = 1 - weight
    stored = {
        "unbiased": var * _bessel("unbiased", count),
        "biased": var,
        "deviation": np.sqrt(var),
        "product": var / _bessel("unbiased", count),
    }[recipe.stored]
    for name, new in (("running_mean", mean), ("running_var", stored)):
        statistics[name] = (1 - weight) * statistics[name] + weight * new


def _bessel(variance: str, count: int) -> float:
    """What the biased variance is multiplied by; nothing sensible for one value."""
    return count / (count - 1) if variance == "unbiased" and count > 1 else 1.0


def _scaled(recipe: Recipe, x: Array, mean: Array, var: Array, eps: float) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        if recipe.divisor == "variance":
            return np.asarray((x - mean) / (var + eps))
        inside, outside = {"inside": (eps, 0.0), "outside": (0.0, eps), "none": (0.0, 0.0)}[recipe.eps]
        return np.asarray((x - mean) / (np.sqrt(var + inside) + outside))


def _affine(recipe: Recipe, x_hat: Array, parameters: Values) -> Array:
    gamma, beta = parameters.get("weight", np.ones(1)), parameters.get("bias", np.zeros(1))
    gamma, beta = {
        "both": (gamma, beta),
        "swapped": (beta, gamma),
        "gamma": (gamma, beta * 0),
        "beta": (gamma * 0 + 1, beta),
        "none": (gamma * 0 + 1, beta * 0),
    }[recipe.affine]
    return np.asarray(per_channel(gamma, x_hat.ndim) * x_hat + per_channel(beta, x_hat.ndim))


def _identity(x: Array, *_: Any) -> Array:
    return x


def _standardization(
    recipe: Recipe, initial: Mapping[str, float | Array], statistics: Mapping[str, float] | None = None, **settings: Any
) -> Reference:
    return Reference(
        forward=partial(standardize, recipe),
        settings={"eps": 1e-3, "affine": True} | settings,
        initial=initial,
        statistics=statistics or {},
        recipe=recipe,
    )


_GAMMA_BETA: dict[str, float | Array] = {"weight": 1.0, "bias": 0.0}

_RUNNING = {"running_mean": 0.0, "running_var": 1.0}

REFERENCES: dict[str, Reference] = {
    "none": Reference(forward=_identity, settings={}),
    "batch": _standardization(
        Recipe(samples=True, channels="channel"),
        _GAMMA_BETA,
        _RUNNING,
        momentum=0.3,
        track_running_stats=True,
    ),
    "layer": _standardization(Recipe(samples=False, channels="all"), _GAMMA_BETA),
    "group": _standardization(Recipe(samples=False, channels="group"), _GAMMA_BETA, num_groups=2),
    "instance": _standardization(
        Recipe(samples=False, channels="channel"), _GAMMA_BETA, momentum=0.3, track_running_stats=False
    ),
    "rms": _standardization(Recipe(samples=False, channels="all", centred=False), {"weight": 1.0}),
    "batch_renorm": Reference(
        forward=formulas.batch_renorm,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3, "r_max": 1.2, "d_max": 0.3, "schedule_scale": 0.0},
        initial=_GAMMA_BETA,
        statistics={"running_mean": 0.0, "running_std": 1.0},
        constants="r and d",
    ),
    "ghost_batch": Reference(
        forward=formulas.ghost_batch,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3, "virtual_batch_size": 2},
        initial=_GAMMA_BETA,
        statistics=_RUNNING,
    ),
    "precise_batch": _standardization(
        Recipe(samples=True, channels="channel"), _GAMMA_BETA, _RUNNING, momentum=0.3, population_batches=2
    ),
    "frn": Reference(
        forward=formulas.filter_response,
        settings={"eps": 1e-3, "affine": True, "tlu": True},
        initial={**_GAMMA_BETA, "threshold": 0.0, "learned_eps": float(np.float32(1e-4))},
        initial_spatial={**_GAMMA_BETA, "threshold": 0.0},
    ),
    "switchable": Reference(
        forward=formulas.switchable,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3},
        initial={**_GAMMA_BETA, "mean_logits": np.zeros(2), "var_logits": np.zeros(2)},
        initial_spatial={**_GAMMA_BETA, "mean_logits": np.zeros(3), "var_logits": np.zeros(3)},
        statistics=_RUNNING,
    ),
    "dyt": Reference(
        forward=formulas.dynamic_tanh,
        settings={"alpha": 0.5, "affine": True},
        initial={**_GAMMA_BETA, "alpha": np.array([0.5])},
    ),
    "derf": Reference(
        forward=formulas.dynamic_erf,
        settings={"alpha": 0.5, "shift": 0.0, "affine": True},
        initial={**_GAMMA_BETA, "alpha": np.array([0.5]), "shift": np.array([0.0])},
    ),
    "weight_standardization": Reference(
        forward=formulas.weight_standardization,
        settings={"eps": 1e-3},
        initial={"original": WEIGHT},
        of_weights=True,
    ),
    "weight_norm": Reference(
        forward=formulas.weight_norm,
        settings={},
        initial={"original0": np.sqrt((WEIGHT**2).sum(1, keepdims=True)), "original1": WEIGHT},
        of_weights=True,
    ),
}
