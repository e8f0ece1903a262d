"""The measurements: for each check a function that runs a `Layer`, the tested one or the reference.

Each takes `new`, which makes a layer (reference/layers.py), and the number of dimensions of the input. It returns
arrays by name, and an empty dictionary if the layer has nothing to measure there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, wraps

import numpy as np

from bnlab.verification.reference import Array, Values, per_channel
from bnlab.verification.reference.layers import CHANNELS, Layer, New, ReferenceNew, shape_of, width

Measure = Callable[[New, int], Values]

BATCHES = 3
OFFSET = 1e4
CHANGES = ("matrix scaled", "matrix shifted", "one row scaled", "data scaled", "data shifted", "one sample scaled")
"""The columns of table 1 of Ba, Kiros & Hinton 2016."""


def _once(measure: Measure) -> Measure:
    """Caches a measure for references, which are measured far more often than the layer; equal ones share a result."""

    @wraps(measure)
    def taken(new: New, ndim: int) -> Values:
        return _of_reference(measure, new, ndim) if isinstance(new, ReferenceNew) else measure(new, ndim)

    return taken


def _once_in_training(measure: Measure) -> Measure:
    """The same for a measure of new layers in training: references that differ elsewhere alone share a result."""

    @wraps(measure)
    def taken(new: New, ndim: int) -> Values:
        return _of_reference(measure, new.in_training, ndim) if isinstance(new, ReferenceNew) else measure(new, ndim)

    return taken


@lru_cache(maxsize=20_000)
def _of_reference(measure: Measure, new: ReferenceNew, ndim: int) -> Values:
    return measure(new, ndim)


def draw(ndim: int, seed: int = 0, samples: int | None = None) -> Array:
    """A random input whose channels differ in mean and standard deviation; read-only, as calls share it.

    Args:
        ndim: number of dimensions, 2 to 4.
        seed: another seed gives another input.
        samples: N, if not the usual one of that shape.
    """
    own, *rest = shape_of(ndim)
    return _drawn((samples or own, *rest), seed)


@lru_cache
def _drawn(shape: tuple[int, ...], seed: int) -> Array:
    scales = per_channel(np.linspace(0.5, 2, shape[1]), len(shape))
    x = np.random.default_rng(seed).normal(size=shape) * scales + scales - 1
    x.flags.writeable = False
    return x


def trained(new: New, ndim: int) -> Layer:
    """A layer after `BATCHES` training batches."""
    layer = new(ndim)
    for seed in range(BATCHES):
        layer.forward(draw(ndim, seed), training=True)
    return layer


@_once
def initial(new: New, ndim: int) -> Values:
    """Parameters and running statistics of a new layer."""
    layer = new(ndim, drawn=False)
    return layer.parameters() | layer.statistics()


@_once_in_training
def training(new: New, ndim: int) -> Values:
    """The output of a new layer in training, `y` of the input's shape."""
    return {"y": new(ndim).forward(draw(ndim), training=True)}


@_once_in_training
def gradients(new: New, ndim: int) -> Values:
    """The gradients of Σ g·y in training, for a random g; see `Layer.gradients`."""
    return new(ndim).gradients(draw(ndim), draw(ndim, seed=9))


def gradient_of(name: str) -> Measure:
    """The measure of one gradient: of the `input`, or of a parameter."""

    @_once_in_training
    def measure(new: New, ndim: int) -> Values:
        found = gradients(new, ndim)
        return {name: found[name].reshape(-1)} if name in found else {}

    return measure


@_once_in_training
def other_gradients(new: New, ndim: int) -> Values:
    """Gradients of the parameters other than γ and β."""
    found = gradients(new, ndim)
    return {name: value.reshape(-1) for name, value in found.items() if name not in ("input", "weight", "bias")}


def running(name: str) -> Measure:
    """The measure of one running statistic after `BATCHES` batches."""

    @_once
    def measure(new: New, ndim: int) -> Values:
        statistics = trained(new, ndim).statistics()
        return {name: statistics[name]} if name in statistics else {}

    return measure


@_once_in_training
def of_another_size(new: New, ndim: int) -> Values:
    """The output for a batch whose size is no multiple of the ghost batch size."""
    return {"y": new(ndim).forward(draw(ndim, samples=shape_of(ndim)[0] - 2), training=True)}


@_once_in_training
def influence(new: New, ndim: int) -> Values:
    """Which values of y change in training if x[0, 0, 0, ...] changes; a Boolean array of y's shape."""
    return {"y": influence_of(new, ndim, 0)}


def influence_of(new: New, ndim: int, index: int) -> Array:
    """The same for x[index, index, ...]."""
    moved = draw(ndim).copy()
    moved[(index,) * ndim] += 1
    return changed_by(new, ndim, moved)


def changed_by(new: New, ndim: int, moved: Array) -> Array:
    """Which values of y change in training if x is `moved`; a Boolean array of y's shape."""
    before, after = (new(ndim).forward(values, training=True) for values in (draw(ndim), moved))
    return np.asarray(np.abs(after - before) > 1e-6 * np.abs(before).max())


@_once
def momentum(new: New, ndim: int) -> Values:
    """The weight of the new batch in the running mean, computed from the mean's change in one step."""
    weight = _first_step(new(ndim), ndim)[0]
    return {} if weight is None else {"momentum": weight}


@_once
def stored_variance(new: New, ndim: int) -> Values:
    """The stored variance over the batch's biased variance: n/(n−1) if the layer stores the unbiased one."""
    weight, before, after = _first_step(new(ndim), ndim)
    if weight is None or "running_var" not in after:
        return {}
    biased = draw(ndim).var((0, *range(2, ndim)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"factor": (after["running_var"] - (1 - weight) * before["running_var"]) / weight / biased}


def _first_step(layer: Layer, ndim: int) -> tuple[Array | None, Values, Values]:
    before = layer.statistics()
    layer.forward(draw(ndim), training=True)
    after = layer.statistics()
    if "running_mean" not in before or "running_mean" not in after:
        return None, before, after
    mean = draw(ndim).mean((0, *range(2, ndim)))
    return (after["running_mean"] - before["running_mean"]) / (mean - before["running_mean"]), before, after


@_once
def evaluation(new: New, ndim: int) -> Values:
    """The output in evaluation, after `BATCHES` training batches."""
    return {"y": trained(new, ndim).forward(draw(ndim, seed=8), training=False)}


@_once_in_training
def near_eps(new: New, ndim: int) -> Values:
    """The output for inputs whose variance is about ε, where the place of ε matters most."""
    return {"y": new(ndim).forward(0.03 * draw(ndim), training=True)}


@_once
def switch(new: New, ndim: int) -> Values:
    """Trains, evaluates a part of a batch, and trains again: evaluation must not change the statistics."""
    layer, x = trained(new, ndim), draw(ndim, seed=8)
    found = {"evaluated": layer.forward(x[:2], training=False)}
    found |= {f"{name} after evaluation": value for name, value in layer.statistics().items()}
    return found | {"trained": layer.forward(x, training=True)}


@_once
def crossed(new: New, ndim: int) -> Values:
    """Evaluation while gradients are recorded, and training while they are not."""
    layer, x = trained(new, ndim), draw(ndim, seed=8)
    found = {"evaluated with gradients": layer.forward(x, training=False, recorded=True)}
    found["trained without gradients"] = layer.forward(x, training=True, recorded=False)
    return found | layer.statistics()


@_once_in_training
def constant(new: New, ndim: int) -> Values:
    """Output and gradient with a feature of zeros, one of constants, and a sample of zeros; and the output for x = 0.

    There the variance is 0, so that the divisor is √ε.
    """
    x, g = draw(ndim).copy(), draw(ndim, seed=9)
    x[:, 1], x[:, 2], x[3] = 0, 3, 0
    x[3, 2] = 3
    gradient = new(ndim).gradients(x, g)["input"]
    found = {"y of constants": new(ndim).forward(x, training=True), "gradient of constants": gradient}
    return found | {"y of black": new(ndim).forward(0 * x, training=True)}


@_once_in_training
def offset(new: New, ndim: int) -> Values:
    """The output for float32 inputs with mean 10,000 and standard deviation 1: neighbouring floats are 0.001 apart.

    Left out for small groups on (N, C): x̂ of two nearly equal values may be nothing but rounding.
    """
    groups = new(ndim).reference.settings.get("num_groups", 1)
    if ndim == 2 and groups > 1 and (width() // groups <= 2 or width() > CHANNELS):
        return {}
    x = draw(ndim, samples=64)
    x = (OFFSET + x / x.std()).astype(np.float32).astype(np.float64)
    return {"y": new(ndim, dtype="float32").forward(x, training=True)}


def precision(dtype: str) -> Measure:
    """The measure of the output in training in a type of torch, e.g. `bfloat16`."""

    @_once_in_training
    def measure(new: New, ndim: int) -> Values:
        # Rounded to what bfloat16, the coarsest type, can hold, so that rounding the input is no part of the error.
        x = np.round(draw(ndim) * 32) / 32
        return {"y": new(ndim, dtype=dtype).forward(x, training=True)}

    return measure


@_once
def shape(new: New, ndim: int) -> Values:
    """All of the above together, on inputs with `ndim` dimensions."""
    return {name: value for part in _PARTS_OF_SHAPE for name, value in part(new, ndim).items()}


def array(measure: Measure, name: str, new: New, ndim: int) -> Array:
    """One array of a measure. Of `shape`, the largest measure, no more is measured than that needs."""
    parts = _PARTS_OF_SHAPE if measure is shape else (measure,)
    return next(found[name] for found in (part(new, ndim) for part in parts) if name in found)


def _evaluated(new: New, ndim: int) -> Values:
    return {"evaluated": evaluation(new, ndim)["y"]}


def _near(new: New, ndim: int) -> Values:
    return {"y near eps": near_eps(new, ndim)["y"]}


@_once
def _statistics(new: New, ndim: int) -> Values:
    return trained(new, ndim).statistics()


def _gradients(new: New, ndim: int) -> Values:
    return {f"gradient of {name}": value.reshape(-1) for name, value in gradients(new, ndim).items()}


_PARTS_OF_SHAPE: tuple[Measure, ...] = (training, _evaluated, _near, _statistics, constant, _gradients)
"""The quickest first: a gradient takes a pass for each value."""


@_once
def round_trip(new: New, ndim: int) -> Values:
    """Output and statistics of a new layer into which a trained layer's state was loaded."""
    layer = trained(new, ndim).reloaded()
    return {"y": layer.forward(draw(ndim, seed=8), training=False)} | layer.statistics()


@_once_in_training
def invariances(new: New, ndim: int) -> Values:
    """1 for each change of W or x that does not change norm(W x), else 0. Variances are large, so ε does not matter.

    For a scheme that normalizes weights, W is the layer's own learned weight: w, or the v of w = g v / ‖v‖ (`_output`).
    """
    rng, inputs = np.random.default_rng(2), width() if new(ndim).reference.of_weights else 5
    weight, data = 1e3 * rng.normal(size=(width(), inputs)), 1e3 * rng.normal(size=(8, inputs, *shape_of(ndim)[2:]))
    direction = np.linspace(-1e3, 2e3, inputs)
    output = partial(_output, new, ndim)

    row, sample = np.ones((width(), 1)), np.ones((8, *(1,) * (ndim - 1)))
    row[2], sample[2] = 3, 3
    changed = (
        output(3 * weight, data),
        output(weight + direction, data),
        output(row * weight, data),
        output(weight, 3 * data),
        output(weight, data + per_channel(direction, ndim)),
        output(weight, sample * data),
    )
    before = output(weight, data)
    kept = [np.abs(after - before).max() < 1e-5 * np.abs(before).max() for after in changed]
    return {change: np.array([float(same)]) for change, same in zip(CHANGES, kept, strict=True)}


def _output(new: New, ndim: int, weight: Array, data: Array) -> Array:
    """norm(W x) by a new layer in training, of shape (N, C, ...), for W of shape (C, D) and data x (N, D, ...)."""
    layer = new(ndim)
    if layer.reference.of_weights:
        layer.give(list(layer.reference.initial)[-1], weight)
        return layer.forward(data, training=True)
    return layer.forward(np.moveaxis(np.tensordot(weight, data, (1, 1)), 0, 1), training=True)
