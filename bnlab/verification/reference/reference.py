"""What every scheme computes, in float64 NumPy and without torch: the numbers that a layer is compared with.

A reference is one function `forward(x, parameters, statistics, settings, training)`. It also takes complex x and
parameters, so that gradients come from the function itself and not from formulas that could share a layer's mistake:
d f / d x = Im f(x + i h) / h is exact up to rounding for a tiny step h (the complex step method, Squire & Trapp 1998).
Taking `.real` of a statistic therefore has the effect of `detach()` in PyTorch.

A scheme's reference is its entry in `REFERENCES`.

Shapes: N batch, C channels, L, H, W spatial; x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnlab.errors import UserError
from bnlab.verification.reference import formulas
from bnlab.verification.reference.recipe import Recipe
from bnlab.verification.reference.standardize import standardize, standardize_stack

Array = NDArray[Any]
Values = dict[str, Array]

Forward = Callable[[Array, Values, Values, Mapping[str, Any], bool], Array]
"""(x, parameters, statistics, settings, training) -> y; in training it updates the entries of `statistics`."""

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
"""The weight on which schemes that normalize weights are tested. Its rows have integer norms, exact in any type."""


@dataclass(frozen=True)
class Reference:
    """One scheme.

    Attributes:
        forward: computes y from x.
        settings: the settings at which layers are verified, unlike the defaults, so that an ignored setting shows.
        initial: initial values of the parameters, by bnlab's names; a number stands for each channel.
        statistics: running statistics of a new layer, in the same form.
        initial_spatial: `initial` for inputs with spatial axes, if the parameters differ there.
        backward: (x, ∂loss/∂y, parameters, statistics, settings) -> ∂loss/∂x, if by definition that is not the
            derivative of `forward`.
        constants: what the gradient treats as constants by definition, in words; finite differences disagree then.
        of_weights: whether it normalizes weights: it is a linear layer from C channels to C, with `WEIGHT` at first.
        settles: number of training passes after which an iterative estimate in the layer has converged.
        recipe: the choices of `forward`, if that is `standardize`; other functions take them from the settings.
    """

    forward: Forward
    settings: Mapping[str, Any]
    initial: Mapping[str, float | Array] = field(default_factory=dict)
    statistics: Mapping[str, float | Array] = field(default_factory=dict)
    initial_spatial: Mapping[str, float | Array] | None = None
    backward: Callable[[Array, Array, Values, Values, Mapping[str, Any]], Array] | None = None
    constants: str = ""
    of_weights: bool = False
    settles: int = 0
    recipe: Recipe | None = None

    def on(self, ndim: int) -> Reference:
        """The reference for inputs of `ndim` dimensions."""
        if ndim == 2 or self.initial_spatial is None:
            return self
        return replace(self, initial=self.initial_spatial)

    @property
    def has_values_per_feature(self) -> bool:
        """Whether a parameter has a value for each feature, so that its shape tells which axis the features are on."""
        return any(np.ndim(start) == 0 or np.size(start) > 1 for start in self.initial.values())

    def of_stack(self, x: Array, parameters: Values, statistics: Values) -> Array:
        """Y in training for a stack of P inputs, (P, N, C, ...), with parameters (P, C) or (C,); needs a recipe."""
        assert self.recipe is not None
        return standardize_stack(self.recipe, x, parameters, statistics, self.settings, training=True)

    def in_type(self, dtype: str) -> Reference:
        """The same scheme for inputs of a type of torch, in which a layer may have an ε of its own."""
        own = self.settings.get(f"eps_in_{dtype}")
        return self if own is None else replace(self, settings={**self.settings, "eps": own})

    def by(self, **changes: Any) -> Reference:
        """The same scheme with other choices in its recipe or formula: a convention or a mistake."""
        if self.recipe is None:
            choices = {name.removesuffix("_value"): value for name, value in changes.items()}
            return replace(self, settings={**self.settings, **choices})
        return self.following(self.recipe.with_changes(changes))

    def following(self, recipe: Recipe) -> Reference:
        """The same scheme by another recipe."""
        statistics = dict(self.statistics)
        if "running_var" in statistics:
            statistics["running_var"] = recipe.initial_var
        return replace(self, forward=partial(standardize, recipe), recipe=recipe, statistics=statistics)


def per_layer(starts: Mapping[str, float | Array], channels: int) -> Values:
    """Initial values as arrays: a number becomes an array of shape (C,)."""
    return {name: np.array(start) if np.ndim(start) else np.full(channels, start) for name, start in starts.items()}


def gradient(
    function: Callable[[Array], Array], at: Array, g: Array, *, of_stack: bool = False, alone: int = 0
) -> Array:
    """∂ Σ g·function(v) / ∂v at v = `at`, by complex steps.

    Args:
        function: the function of v.
        at: where the gradient is taken.
        g: the weights of the function's values, of their shape.
        of_stack: whether `function` takes a stack of several v at once and returns the stack of their values.
        alone: if `of_stack`, the number of blocks of neighbouring channels in a sample that do not depend on each
            other (`Recipe.blocks`): one step is then made in all blocks at once.

    Returns:
        The gradient, of the shape of `at`.
    """
    if of_stack and alone:
        blocks = len(at) * alone
        size = at.size // blocks
        one_of_each = np.broadcast_to(np.eye(size)[:, None], (size, blocks, size)).reshape(size, *at.shape)
        slopes = np.broadcast_to(function(at + STEP * 1j * one_of_each).imag, (size, *g.shape))
        return np.asarray((g * slopes).reshape(size, blocks, size).sum(2).T / STEP).reshape(at.shape)
    if of_stack:
        moved = at + STEP * 1j * np.eye(at.size).reshape(-1, *at.shape)
        slopes = np.broadcast_to(function(moved).imag, (at.size, *g.shape))  # one for all, if nothing depends on v
        return np.asarray((g * slopes).sum(tuple(range(1, slopes.ndim))) / STEP).reshape(at.shape)
    result = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[index] += STEP * 1j
        result[index] = np.sum(g * function(moved).imag) / STEP
    return result


def reference_of(scheme: str) -> Reference:
    """The scheme's entry in `REFERENCES`. Raises UserError if it has none."""
    if scheme not in REFERENCES:
        raise UserError(
            f"norm '{scheme}' cannot be verified: it has no reference in bnlab/verification/reference/reference.py"
        )
    return REFERENCES[scheme]


def _identity(x: Array, *_: Any) -> Array:
    return x


def _standardization(
    recipe: Recipe,
    initial: Mapping[str, float | Array],
    statistics: Mapping[str, float | Array] | None = None,
    **settings: Any,
) -> Reference:
    return Reference(
        forward=partial(standardize, recipe),
        settings={"eps": 1e-3, "affine": True} | settings,
        initial=initial,
        statistics=statistics or {},
        recipe=recipe,
    )


_GAMMA_BETA: dict[str, float | Array] = {"weight": 1.0, "bias": 0.0}

_RUNNING: dict[str, float | Array] = {"running_mean": 0.0, "running_var": 1.0}

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
    "batch_renorm": replace(
        _standardization(
            Recipe(samples=True, channels="channel", renormalized="constant"),
            _GAMMA_BETA,
            {"running_mean": 0.0, "running_std": 1.0},
            momentum=0.3,
            r_max=1.2,
            d_max=0.3,
            schedule_scale=0.0,
        ),
        constants="r and d",
    ),
    "ghost_batch": _standardization(
        Recipe(samples=True, channels="channel", ghosts="neighbours"),
        _GAMMA_BETA,
        _RUNNING,
        momentum=0.3,
        virtual_batch_size=4,
    ),
    "precise_batch": _standardization(
        Recipe(samples=True, channels="channel"), _GAMMA_BETA, _RUNNING, momentum=0.3, population_batches=2
    ),
    "eval_norm": Reference(
        forward=formulas.eval_norm,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3, "own_share": None},
        initial=_GAMMA_BETA,
        statistics=_RUNNING,
    ),
    "noisy_batch": Reference(
        forward=formulas.noisy,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3, "centre": 0.4, "deviation": 1.5, "jitter": 0.2},
        initial=_GAMMA_BETA,
        statistics=_RUNNING,
    ),
    "ghost_noise": Reference(
        forward=formulas.ghost_noise,
        settings={"by": "batch", "eps": 1e-3, "affine": True, "momentum": 0.3, "virtual_batch_size": 4},
        initial=_GAMMA_BETA,
        statistics=_RUNNING,
        constants="the ghosts' statistics",
    ),
    "power": Reference(
        forward=formulas.power,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3, "gradient_momentum": 0.2, "warmup_steps": 1},
        initial=_GAMMA_BETA,
        statistics={"running_mean_square": 1.0, "running_projection": 0.0},
    ),
    "online": Reference(
        forward=formulas.online,
        backward=formulas.online_gradient,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.1, "gradient_momentum": 0.2},
        initial=_GAMMA_BETA,
        statistics=_RUNNING,
        constants="the statistics, whose gradient is a control's,",
    ),
    "l1_batch": Reference(
        forward=formulas.l1,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3},
        initial=_GAMMA_BETA,
        statistics={"running_mean": 0.0, "running_std": 1.0},
    ),
    "mean_only_batch": Reference(
        forward=formulas.mean_only,
        settings={"affine": True, "momentum": 0.3},
        initial=_GAMMA_BETA,
        statistics={"running_mean": 0.0},
    ),
    "variance_only_batch": Reference(
        forward=formulas.variance_only,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3},
        initial=_GAMMA_BETA,
        statistics={"running_var": 1.0},
    ),
    "frn": replace(
        _standardization(
            Recipe(samples=False, channels="channel", centred=False, threshold="learned"),
            {**_GAMMA_BETA, "threshold": 0.0, "learned_eps": float(np.float32(1e-4))},
            tlu=True,
        ),
        initial_spatial={**_GAMMA_BETA, "threshold": 0.0},
    ),
    "switchable": replace(
        _standardization(
            Recipe(samples=True, channels="channel", mixed=True, stored="biased"),
            {**_GAMMA_BETA, "mean_logits": np.zeros(2), "var_logits": np.zeros(2)},
            _RUNNING,
            momentum=0.3,
        ),
        initial_spatial={**_GAMMA_BETA, "mean_logits": np.zeros(3), "var_logits": np.zeros(3)},
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
    "scale_norm": _standardization(
        Recipe(samples=False, channels="all", centred=False, variance="sum", eps="clamped outside", affine="gamma"),
        {"weight": np.array([np.sqrt(len(WEIGHT), dtype=np.float32)], dtype=float)},
    ),
    "evonorm_s0": _standardization(
        Recipe(samples=False, channels="group", gate="swish", taken_off=0.0), {**_GAMMA_BETA, "v": 1.0}, num_groups=2
    ),
    "iter_norm": Reference(
        forward=formulas.iter_norm,
        settings={"eps": 1e-3, "affine": True, "momentum": 0.3, "num_groups": 1, "iterations": 4},
        initial=_GAMMA_BETA,
        statistics={"running_mean": 0.0, "running_whitening": np.eye(len(WEIGHT))},
    ),
    "spectral_norm": Reference(
        forward=formulas.spectral_norm,
        settings={},
        initial={"original": WEIGHT},
        of_weights=True,
        settles=60,
    ),
    "bounded": Reference(
        forward=formulas.bounded,
        settings={"function": "isru", "alpha": 0.5, "shift": 0.0, "affine": True},
        initial={**_GAMMA_BETA, "alpha": np.array([0.5]), "shift": np.array([0.0])},
    ),
    "weight_standardization": Reference(
        forward=formulas.weight_standardization,
        settings={"eps": 1e-3},
        initial={"original": WEIGHT},
        of_weights=True,
    ),
    "scaled_weight_standardization": Reference(
        forward=formulas.scaled_weight_standardization,
        settings={"eps": 1e-3, "gain": 1.5},
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
