"""γ (x − μ) / √(σ² + ε) + β in float64 NumPy, with the choices of a `Recipe`; for complex x too, see reference.py.

Shapes: x is (N, C), (N, C, L) or (N, C, H, W), parameters and statistics (C,). Everything is computed for a stack of P
inputs at once, of shape (P, N, C, H, W), where parameters and statistics may be (P, C): a gradient by complex steps
needs one input for each value of x.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnlab.verification.reference.recipe import Recipe

Array = NDArray[Any]
Values = dict[str, Array]
Settings = Mapping[str, Any]

SAMPLES = 1
"""The axis of the samples in (P, N, C, H, W)."""


def per_channel(values: Array, ndim: int) -> Array:
    """Values of shape (C,), reshaped to (C, 1, ...) to broadcast over (N, C, ...) of `ndim` dimensions."""
    return values.reshape(-1, *(1,) * (ndim - 2))


def standardize(
    recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Settings, training: bool
) -> Array:
    """Y for x, by the recipe's choices; running statistics are updated in place. See `reference.Forward`."""
    return np.asarray(standardize_stack(recipe, x[None], parameters, statistics, settings, training)[0])


def standardize_stack(
    recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Settings, training: bool
) -> Array:
    """`standardize` for each x of a stack (P, N, C, ...)."""
    recipe = recipe.in_mode(training)
    flat = x.reshape(*x.shape[:3], *(*x.shape[3:], 1, 1)[:2])
    if recipe.affine == "before":
        flat = _affine("both", flat, parameters)
    by = (recipe.train_by if training else recipe.eval_by) if statistics else "batch"
    if recipe.mixed:
        y = _mixed(recipe, flat, parameters, statistics, settings, by, training)
    elif recipe.renormalized:
        y = _renormalized(recipe, flat, statistics, settings, training)
    elif recipe.ghosts and training:
        y = _of_ghosts(recipe, flat, parameters, statistics, settings)
    else:
        y = _of_batch(recipe, flat, parameters, statistics, settings, by, training)
    y = recipe.factor * _affine(recipe.affine, y, parameters) + recipe.addend + (flat if recipe.residual else 0)
    y = _threshold(recipe, y, parameters)
    y = y - y.mean(3, keepdims=True) if recipe.centred_again else y
    return y.reshape(len(y), *x.shape[1:])


def _of_batch(
    recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Settings, by: str, training: bool
) -> Array:
    """x̂ of a batch, or of one ghost."""
    mean, var, count = moments(recipe, x, settings.get("num_groups", 1))
    used = (mean, var * _correction(recipe.variance, count)) if by == "batch" else _running(statistics)
    if statistics and recipe.updates_in(training):
        _update(recipe, statistics, settings, [(mean, var, count)])
    if by == "updated":
        used = _running(statistics)
    if by == "squares":
        used = used[0], used[1] ** 2
    if by == "exchanged":
        used = used[1], used[0]
    if by in ("running mean", "running variance"):
        used = (used[0], var) if by == "running mean" else (mean, used[1])
    x = _gated(recipe.gate, x, parameters)
    return _scaled(recipe, x, used[0], used[1], _eps(recipe, parameters, settings))


def _mixed(
    recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Settings, by: str, training: bool
) -> Array:
    """x̂ by a softmax mixture of the statistics of IN, LN and BN, on (N, C) of LN and BN alone.

    Source: Luo et al. 2018, arXiv 1806.10779.
    """
    spatial, variance = parameters["mean_logits"].shape[-1] == 3, recipe.variance
    if spatial:
        mean, var, count = moments(replace(recipe, samples=False), x, 1)
    else:
        mean, var, count = x, np.zeros_like(x), 1
        variance = "each unbiased" if variance == "unbiased" else variance
    square = np.asarray(var * _correction("biased" if variance == "each unbiased" else variance, count) + mean**2)
    over = ((m.mean(axis, keepdims=True) for m in (mean, square)) for axis in (2, SAMPLES))
    kinds = [(mean, square, count)] if spatial else []
    kinds += [(*both, count * x.shape[axis]) for axis, both in zip((2, SAMPLES), over, strict=True)]
    own = "unbiased" if variance == "each unbiased" else "biased"
    pairs = [(of_kind, (of_square - of_kind**2) * _correction(own, of)) for of_kind, of_square, of in kinds]
    if recipe.mixture == "averages" and spatial:
        averages = [(square - mean**2).mean(axis, keepdims=True) for axis in (2, SAMPLES)]
        pairs[1:] = [(pair[0], average) for pair, average in zip(pairs[1:], averages, strict=True)]
    if statistics and recipe.updates_in(training):
        of_batch = [np.broadcast_to(value, x.shape) for value in pairs[-1]]
        _update(recipe, statistics, settings, [(of_batch[0], of_batch[1], x[0, :, 0].size)])
    if by == "running":
        pairs[-1] = _running(statistics)
    order = [each for each in recipe.order if spatial or each < len(pairs)]
    shares = [_shares(recipe.mixture, parameters[name])[order] for name in ("mean_logits", "var_logits")]
    mean, var = (
        sum((share * pair[i] for share, pair in zip(shares[i], pairs, strict=True)), np.zeros(1)) for i in (0, 1)
    )
    return _scaled(recipe, x, mean, var, _eps(recipe, parameters, settings))


def _shares(mixture: str, logits: Array) -> Array:
    """The shares of a mixture from logits (K,) or (P, K), shaped to broadcast over (K, P, N, C, H, W)."""
    shares = logits
    for _ in range({"logits": 0, "softmax twice": 2}.get(mixture, 1)):
        powers = np.exp(shares)
        shares = powers / powers.sum(-1, keepdims=True)
    return np.asarray(np.moveaxis(shares, -1, 0)[..., None, None, None, None])


def _renormalized(recipe: Recipe, x: Array, statistics: Values, settings: Settings, training: bool) -> Array:
    """(x − μ_B)/σ_B · r + d in training, by the batch's μ_B and σ_B; (x − μ)/σ by the running ones in evaluation.

    The bounds of r and d are the settings' own, as with schedule_scale=0.
    """
    eps = settings["eps"] if recipe.eps_value is None else recipe.eps_value
    keeps_variance = recipe.stored in ("variance", "biased variance")
    kept, kept_std = _fit(statistics["running_mean"]), _fit(statistics["running_std"])
    kept_std = np.sqrt(kept_std + eps) if keeps_variance else kept_std
    if not training and recipe.eval_by == "running":
        return np.asarray((x - kept) / kept_std)
    mean, var, count = moments(recipe, x, 1)
    stored = var * _correction("unbiased" if recipe.stored == "variance" else "biased", count)
    var = var * _correction(recipe.variance, count)
    std = np.sqrt(var) + eps if recipe.eps == "outside" else np.sqrt(var + eps)
    r_of, d_of = std / kept_std, (mean - kept) / (std if recipe.renormalized == "d by the batch" else kept_std)
    if recipe.renormalized != "differentiated":
        r_of, d_of = r_of.real, d_of.real
    r = _clipped(r_of, 1 / settings["r_max"], settings["r_max"])
    d = _clipped(d_of, -settings["d_max"], settings["d_max"])
    means = {"running_mean": mean, "running_std": stored if keeps_variance else std}
    weight = _weight_of_batch(recipe, statistics, settings)
    weight = 1 - weight if recipe.momentum == "old" else weight
    for name, value in means.items() if recipe.updates_in(training) else ():
        new = value.real.mean((SAMPLES, 3, 4))
        statistics[name] = (1 - weight) * statistics[name] + weight * (new[0] if len(new) == 1 else new)
    x_hat = (x - mean) / std * (1.0 if recipe.renormalized == "no r" else r)
    return np.asarray(x_hat + (0.0 if recipe.renormalized == "no d" else d))


def _clipped(values: Array, low: float, high: float) -> Array:
    return np.where(values.real < low, low, np.where(values.real > high, high, values))


def ghosts_of(recipe: Recipe, samples: int, settings: Settings) -> Iterator[slice]:
    """For each ghost of a batch, the slice of its samples.

    Args:
        recipe: says how the batch is divided.
        samples: N.
        settings: the scheme's settings, with virtual_batch_size or num_splits.
    """
    size = settings.get("virtual_batch_size", 1)
    count = settings.get("num_splits") or max(1, samples // size)
    if recipe.ghosts == "interleaved":
        yield from (slice(first, None, count) for first in range(count))
        return
    if recipe.rest == "chunks":  # as torch.chunk divides: ⌈N / V⌉ equal parts, the last one smaller
        size = -(-samples // -(-samples // size))
    ends = range(size, samples, size) if recipe.rest != "spread" else np.cumsum(_spread(samples, count))[:-1]
    yield from (slice(start, end) for start, end in zip((0, *ends), (*ends, samples), strict=True))


def _spread(samples: int, count: int) -> list[int]:
    """The ghosts' sizes as numpy.array_split chooses them: equal, but the first ones may have one sample more."""
    return [samples // count + (ghost < samples % count) for ghost in range(count)]


def _of_ghosts(recipe: Recipe, x: Array, parameters: Values, statistics: Values, settings: Settings) -> Array:
    y, together = np.empty_like(x), []
    for ghost in ghosts_of(recipe, x.shape[SAMPLES], settings):
        part = x[:, ghost]
        if recipe.ghost_statistics == "in turn":
            y[:, ghost] = _of_batch(recipe, part, parameters, statistics, settings, "batch", True)
        else:
            together.append(moments(recipe, part, 1))
            y[:, ghost] = _of_batch(recipe, part, parameters, {}, settings, "batch", True)
    if together and statistics:
        _update(recipe, statistics, settings, together)
    return y


def moments(recipe: Recipe, x: Array, num_groups: int) -> tuple[Array, Array, int]:
    """Mean and biased variance of x, of shape (P, N, C, H, W), both broadcast to that shape.

    The third value is n, the number of values over which each is taken.
    """
    if recipe.variance_over is not None:
        samples, channels, space_of_variance = recipe.variance_over
        of_mean = replace(recipe, variance_over=None)
        of_variance = replace(of_mean, samples=samples, channels=channels, space=space_of_variance)
        return moments(of_mean, x, num_groups)[0], *moments(of_variance, x, num_groups)[1:]
    p, n, c, *space = x.shape
    groups = {"channel": c, "group": num_groups, "interleaved": num_groups, "sized": c // num_groups, "all": 1}[
        recipe.channels
    ]
    interleaved = recipe.channels == "interleaved"
    blocks = x.reshape(p, n, c // groups, groups, *space) if interleaved else x.reshape(p, n, groups, -1, *space)
    spatial = {"all": (4, 5), "first": (4,), "second": (5,), "none": ()}[recipe.space]
    axes = (*((SAMPLES,) if recipe.samples else ()), 2 if interleaved else 3, *spatial)
    count = int(np.prod([blocks.shape[axis] for axis in axes]))
    mean = blocks.mean(axes, keepdims=True) if recipe.centred else np.zeros((1,) * 6)
    if recipe.in_stages:
        var = _in_stages(recipe.in_stages, blocks, axes)
    elif recipe.absolute:
        var = ((blocks - mean) * np.sign((blocks - mean).real)).mean(axes, keepdims=True) ** 2
    elif recipe.shortcut:
        var = (blocks**2).mean(axes, keepdims=True) - mean**2
    else:
        var = ((blocks - mean) ** 2).mean(axes, keepdims=True)
    if recipe.constant in ("mean", "both"):
        mean = mean.real
    if recipe.constant in ("variance", "both"):
        var = var.real

    if recipe.confused == "exchanged":
        mean, var = var, mean
    elif recipe.confused == "mean for variance":
        var = blocks.mean(axes, keepdims=True)

    def like_x(value: Array) -> Array:
        return np.broadcast_to(value, blocks.shape).reshape(x.shape)

    return like_x(mean), like_x(var), count


def _in_stages(how: str, blocks: Array, axes: tuple[int, ...]) -> Array:
    """The square of torch's std, or its var, taken over one axis after the other; see `Recipe.in_stages`."""
    last, _, first = how.removesuffix(" backwards").partition(" of ")
    value, ways = blocks, [first, *[last] * (len(axes) - 1)]
    long = [axis for axis in axes if blocks.shape[axis] > 1]
    for way, axis in zip(ways, reversed(long) if how.endswith("backwards") else long, strict=False):
        mean = value.mean(axis, keepdims=True)
        if way == "mean":
            value = mean
        else:
            var = ((value - mean) ** 2).sum(axis, keepdims=True) / (value.shape[axis] - 1)
            value = np.sqrt(var) if way == "std" else var
    return value**2 if first == "std" else value


def values_of(recipe: Recipe, x: Array, num_groups: int) -> tuple[Array, Array]:
    """For each value of x, (N, C, ...), the mean and the biased variance that normalize it; both of x's shape."""
    flat = x.reshape(1, *x.shape[:2], *(*x.shape[2:], 1, 1)[:2])
    mean, var, _ = moments(recipe, flat, num_groups)
    return mean.reshape(x.shape), var.reshape(x.shape)


def gradient_factor(recipe: Recipe, x: Array, settings: Settings) -> Array | float:
    """The factor by which a wrong backward pass multiplies the gradient of x; 1 if there is no such mistake."""
    flat = x.reshape(1, *x.shape[:2], *(*x.shape[2:], 1, 1)[:2])
    _, var, count = moments(recipe, flat, settings.get("num_groups", 1))
    factors: dict[str, Array | float] = {
        "negative": -1.0,
        "times n": float(count),
        "by the variance": 1 / np.sqrt(var.reshape(x.shape) + settings["eps"]),
    }
    return factors.get(recipe.input_gradient, 1.0)


def _fit(values: Array) -> Array:
    """Values of shape (C,) or (P, C), reshaped to broadcast over (P, N, C, H, W)."""
    return values[..., None, :, None, None]


def _running(statistics: Values) -> tuple[Array, Array]:
    return _fit(statistics["running_mean"]), _fit(statistics["running_var"])


def _update(recipe: Recipe, statistics: Values, settings: Settings, moments: list[tuple[Array, Array, int]]) -> None:
    """Sets the running statistics to (1 − m) running + m batch, in place.

    Args:
        moments: for each ghost, or for the batch alone, what `moments` returns; the ghosts' statistics are averaged.
    """
    means, variances, counts = zip(*moments, strict=True)
    mean, var = (np.mean([ghost.real.mean((SAMPLES, 3, 4)) for ghost in each], axis=0) for each in (means, variances))
    samples, count = sum(each.shape[SAMPLES] for each in means), counts[0]
    stored = {
        "unbiased": var * _correction("unbiased", count),
        "biased": var,
        "by samples": var * _correction("unbiased", samples),
        "deviation": np.sqrt(var),
        "unbiased deviation": np.sqrt(var * _correction("unbiased", count)),
        "product": var / _correction("unbiased", count),
        "with eps": (var + settings["eps"]) * _correction("unbiased", count),
        "biased and eps": var + settings["eps"],
        "and eps": var * _correction("unbiased", count) + settings["eps"],
    }[recipe.stored]
    of_batch = _weight_of_batch(recipe, statistics, settings)
    fed = {"running_mean": mean * (count if recipe.stored_mean == "sum" else 1), "running_var": stored}
    first = recipe.start == "first batch" and "begun" not in statistics
    if first:
        statistics["begun"] = np.ones(())
    for name, new in fed.items():
        if recipe.updated in ("both", name):
            weight = 1 - of_batch if recipe.momentum in ("old", f"old in {name}") else of_batch
            old, own = recipe.weights or ((0.0, 1.0) if first else (1 - weight, weight))
            statistics[name] = old * statistics[name] + own * (new[0] if len(new) == 1 else new)


def _weight_of_batch(recipe: Recipe, statistics: Values, settings: Settings) -> float:
    """The momentum; if it depends on the number of batches, that is counted among the statistics."""
    m = float(recipe.momentum_value or settings["momentum"])
    if recipe.momentum not in ("average", "average with the start", "debiased"):
        return m
    statistics["batches"] = statistics.get("batches", np.zeros(())) + 1
    batches = float(statistics["batches"])
    if recipe.momentum == "debiased":
        return float(m / (1 - (1 - m) ** batches))
    return 1 / (batches + 1 if recipe.momentum == "average with the start" else batches)


def _correction(variance: str, count: int) -> float:
    """The factor that turns the biased variance of `count` values into this kind; 1 for the unbiased one of 1 value."""
    return {"biased": 1.0, "unbiased": count / max(count - 1, 1), "sum": float(count), "over n twice": 1 / count}[
        variance
    ]


def _gated(gate: str, x: Array, parameters: Values) -> Array:
    """What the deviation divides: x, an activation of x, or 1."""
    if gate == "none":
        return x
    if gate == "left out":
        return np.ones_like(x)
    v = _fit(parameters["v"]) if gate != "without v" else 1.0
    sigmoid = 1 / (1 + np.exp(-v * x))
    return np.asarray(sigmoid if gate == "alone" else x * sigmoid)


def _eps(recipe: Recipe, parameters: Values, settings: Settings) -> Array | float:
    """ε, plus |ε_l| of each channel if ε is learned."""
    eps = settings["eps"] if recipe.eps_value is None else recipe.eps_value
    if "learned_eps" not in parameters:
        return float(eps)
    learned = parameters["learned_eps"]
    return np.asarray(eps + _fit(np.where(learned.real < 0, -learned, learned)))


def _scaled(recipe: Recipe, x: Array, mean: Array, var: Array, eps: Array | float) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = x - recipe.taken_off * mean
        if recipe.divisor == "nothing":
            return np.asarray(centred * np.ones_like(var))
        zero, least = np.zeros(()), np.asarray(np.real(eps))
        inside, outside = {
            "inside": (eps, zero),
            "outside": (zero, eps),
            "twice": (2 * eps, zero),
            "subtracted": (-eps, zero),
        }.get(recipe.eps, (zero, zero))
        var = np.asarray(var + inside)
        if recipe.eps == "clamped":
            var = np.where(var.real > least, var, eps)
        if recipe.divisor == "square":
            return np.asarray(centred / (var + outside) ** 2)
        if recipe.divisor == "variance":
            return np.asarray(centred / (var + outside))
        if recipe.divisor == "root of the deviation":
            return np.asarray(centred / _root(_root(var - inside) + inside + outside))
        deviation = np.asarray(_root(var) + outside)
        if recipe.eps == "clamped outside":
            deviation = np.where(deviation.real > least, deviation, eps)
        if recipe.divisor == "mean":
            return np.asarray(x - mean / deviation)
        return np.asarray(centred * deviation if recipe.divisor == "multiplied" else centred / deviation)


def _root(values: Array) -> Array:
    """The square root, of complex values too; not a number where the real part is negative."""
    return np.where(values.real < 0, np.nan, np.sqrt(values))


def _affine(how: str, x_hat: Array, parameters: Values) -> Array:
    gamma, beta = parameters.get("weight", np.ones(1)), parameters.get("bias", np.zeros(1))
    gamma, beta = {
        "both": (gamma, beta),
        "before": (gamma * 0 + 1, beta * 0),
        "swapped": (beta, gamma),
        "gamma": (gamma, beta * 0),
        "beta": (gamma * 0 + 1, beta),
        "minus beta": (gamma, -beta),
        "bracketed": (gamma, gamma * beta),
        "gamma twice": (gamma, gamma),
        "beta twice": (beta, beta),
        "one more": (gamma + 1, beta),
        "none": (gamma * 0 + 1, beta * 0),
    }[how]
    return np.asarray(_fit(gamma) * x_hat + _fit(beta))


def _threshold(recipe: Recipe, y: Array, parameters: Values) -> Array:
    """max(y, τ), the activation of filter response normalization; y for other schemes."""
    if recipe.threshold == "none":
        return y
    threshold = _fit(parameters["threshold"] if recipe.threshold == "learned" else np.zeros(1))
    return np.where(y.real > threshold.real, y, threshold)
