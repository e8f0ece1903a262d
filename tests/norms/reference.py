"""Every scheme once more: plain loops over float64 numbers, written from the papers and not from bnlab's code.

`groups_of` lists, for a scheme, the index sets that share one mean and variance; all else follows from them. Gradients
come from the full Jacobian of one set, (dx̂_i/dx_j), not from the simplified formula that the layers use.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = tuple[Any, ...]
State = Mapping[str, Array]
"""Parameters and buffers by name, as they are before the pass."""


def groups_of(scheme: str, shape: tuple[int, ...], num_groups: int = 1) -> Iterator[Index]:
    """Indices into an array of that shape (N, C, ...), each selecting the values that are normalized together."""
    n, c = shape[:2]
    if scheme in ("batch", "precise_batch", "eval_norm"):
        yield from ((slice(None), channel) for channel in range(c))
    elif scheme == "instance":
        yield from ((sample, channel) for sample in range(n) for channel in range(c))
    else:
        size = c // (num_groups if scheme == "group" else 1)
        yield from ((i, slice(first, first + size)) for i in range(n) for first in range(0, c, size))


def standardize(scheme: str, x: Array, eps: float, num_groups: int = 1) -> Array:
    """x̂ of x, shape (N, C, ...)."""
    x_hat = np.empty_like(x)
    for index in groups_of(scheme, x.shape, num_groups):
        values = x[index]
        if scheme == "rms":
            x_hat[index] = values / np.sqrt(sum(v * v for v in values.flat) / values.size + eps)
        else:
            mean = sum(values.flat) / values.size
            var = sum((v - mean) ** 2 for v in values.flat) / values.size
            x_hat[index] = (values - mean) / np.sqrt(var + eps)
    return x_hat


def input_gradient(scheme: str, x: Array, h: Array, eps: float, num_groups: int = 1) -> Array:
    """∂loss/∂x for h = ∂loss/∂x̂, by the Jacobian of each set of values."""
    gradient = np.empty_like(x)
    for index in groups_of(scheme, x.shape, num_groups):
        values = x[index].ravel()
        k = values.size
        centring = np.zeros((k, k)) if scheme == "rms" else np.full((k, k), 1 / k)
        centred = values - centring @ values
        root = np.sqrt(centred @ centred / k + eps)
        jacobian = (np.eye(k) - centring) / root - np.outer(centred, centred) / (k * root**3)
        gradient[index] = (h[index].ravel() @ jacobian).reshape(x[index].shape)
    return gradient


def per_channel(values: Array, ndim: int) -> Array:
    """Shape (C,) to (C, 1, ...), to broadcast over (N, C, ...)."""
    return values.reshape(-1, *(1,) * (ndim - 2))


def channel_sums(values: Array) -> Array:
    """Sums over all axes but the channel, shape (C,)."""
    return np.array([values[:, channel].sum() for channel in range(values.shape[1])])


def running_statistics(scheme: str, batches: list[Array], momentum: float | None) -> tuple[Array, Array]:
    """running_mean and running_var, shape (C,), after these batches (N, C, ...), in PyTorch's convention."""
    channels = batches[0].shape[1]
    mean, var = np.zeros(channels), np.ones(channels)
    for count, x in enumerate(batches, start=1):
        weight = 1 / count if momentum is None else momentum
        for channel in range(channels):
            values = x[:, channel]
            samples = [values.ravel()] if scheme == "batch" else [sample.ravel() for sample in values]
            new_mean = np.mean([s.mean() for s in samples])
            new_var = np.mean([((s - s.mean()) ** 2).sum() / (s.size - 1) for s in samples])
            mean[channel] += weight * (new_mean - mean[channel])
            var[channel] += weight * (new_var - var[channel])
    return mean, var


def output(scheme: str, x: Array, state: State, settings: Mapping[str, Any], correction: Any = None) -> Array:
    """Y of a layer in training, for x of shape (N, C, ...).

    Args:
        correction: the scheme's `constants`, held fixed; None computes them from x.
    """
    if scheme in ("dyt", "derf", "bounded"):
        y = squash(settings.get("function", scheme), x, state)
    elif scheme == "noisy_batch":
        y = standardize("batch", x, settings["eps"])
    elif scheme == "ghost_noise":
        y = haunt(x, settings, correction or ghost_statistics(x, state, settings))
    elif scheme == "online":
        return one_by_one(x, state, settings)
    elif scheme in OF_BATCH:
        y = OF_BATCH[scheme](x, settings)
    elif scheme == "ghost_batch":
        y = np.concatenate([standardize("batch", part, settings["eps"]) for part in ghosts(x, settings)])
    elif scheme == "batch_renorm":
        y = renormalize(x, settings, correction or renorm_correction(x, state, settings))
    elif scheme == "frn":
        y = filter_response(x, state, settings)
    elif scheme == "switchable":
        y = switch(x, state, settings)
    else:
        y = standardize(scheme, x, settings["eps"], settings.get("num_groups", 1))
    channels = x.shape[1]
    gamma, beta = state.get("weight", np.ones(channels)), state.get("bias", np.zeros(channels))
    y = per_channel(gamma, x.ndim) * y + per_channel(beta, x.ndim)
    if scheme == "noisy_batch":
        y = unsettle(y, state, settings)
    threshold = state.get("threshold")
    return y if threshold is None else np.maximum(y, per_channel(threshold, x.ndim))


def squash(scheme: str, x: Array, state: State) -> Array:
    """A function of alpha x + s, value by value; dyt has no s."""
    alpha, shift = float(state["alpha"]), float(state.get("shift", np.zeros(())))
    functions: dict[str, Callable[[float], float]] = {
        "dyt": math.tanh,
        "derf": math.erf,
        "erf": math.erf,
        "tanh": math.tanh,
        "arctan": math.atan,
        "isru": lambda u: u / math.sqrt(1 + u * u),
        "clip": lambda u: min(max(u, -1.0), 1.0),
        "dyisru": lambda u: math.sqrt(x.shape[1]) * u / math.sqrt(1 + u * u),
    }
    return np.array([functions[scheme](alpha * v + shift) for v in x.flat]).reshape(x.shape)


def ghosts(x: Array, settings: Mapping[str, Any]) -> list[Array]:
    """The samples in N // V parts, the first N mod (N // V) of them larger by one."""
    count = max(1, len(x) // settings["virtual_batch_size"])
    size, larger = divmod(len(x), count)
    starts = [i * size + min(i, larger) for i in range(count + 1)]
    return [x[a:b] for a, b in itertools.pairwise(starts)]


def moments(values: Array) -> tuple[float, float]:
    """Mean and biased variance of all values, by loops."""
    mean = sum(values.flat) / values.size
    return mean, sum((v - mean) ** 2 for v in values.flat) / values.size


def renorm_correction(x: Array, state: State, settings: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """R and d of each channel, at the full bounds."""
    r, d = [], []
    for channel in range(x.shape[1]):
        mean, var = moments(x[:, channel])
        sigma = state["running_std"][channel]
        ratio = math.sqrt(var + settings["eps"]) / sigma
        shift = (mean - state["running_mean"][channel]) / sigma
        r.append(min(max(ratio, 1 / settings["r_max"]), settings["r_max"]))
        d.append(min(max(shift, -settings["d_max"]), settings["d_max"]))
    return r, d


def constants(scheme: str, x: Array, state: State, settings: Mapping[str, Any]) -> Any:
    """What has no gradient, by definition."""
    if scheme == "batch_renorm":
        return renorm_correction(x, state, settings)
    return ghost_statistics(x, state, settings) if scheme == "ghost_noise" else None


def bits(seed: int, count: int, number: int) -> int:
    """The noise of a seed and a count: the last step of MurmurHash3, three times."""

    def mixed(h: int) -> int:
        h %= 2**32
        h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
        h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
        return h ^ h >> 16

    return mixed(number * 0x9E3779B1 + mixed(seed + mixed(count)))


def unsettle(y: Array, state: State, settings: Mapping[str, Any]) -> Array:
    """The noise of noisy batch norm: of each channel, and of each sample in it."""
    n, count, noisy = len(y), int(state["count"]) + 1, np.empty_like(y)
    for channel, seed in enumerate(state["seed"]):

        def uniform(number: int, seed: int = int(seed)) -> float:
            return (bits(seed, count, number) + 0.5) / 2**32

        centre = settings["centre"] * (2 * uniform(0) - 1)
        deviation = 1 + (settings["deviation"] - 1) * uniform(1)
        for i in range(n):
            m = centre + settings["jitter"] * (2 * uniform(2 + i) - 1)
            normal = math.sqrt(-2 * math.log(uniform(2 + n + i))) * math.cos(2 * math.pi * uniform(2 + 2 * n + i))
            noisy[i, channel] = (deviation + settings["jitter"] * normal) * y[i, channel] + m
    return noisy


def normalized_by(x: Array, settings: Mapping[str, Any]) -> Array:
    return standardize(settings["by"], x, settings["eps"])


def ghost_statistics(x: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, Array]:
    """By how much each sample's ghost is off the batch, in mean and as a ratio of deviations: two of (N, C)."""
    x_hat, n, size = normalized_by(x, settings), len(x), settings["virtual_batch_size"]
    shift, ratio = np.empty(x.shape[:2]), np.empty(x.shape[:2])
    for i in range(n):
        drawn = [bits(int(state["seed"]), int(state["count"]) + 1, i * size + k) * n // 2**32 for k in range(size)]
        for channel in range(x.shape[1]):
            mean, var = moments(x_hat[:, channel])
            of_ghost, ghost_var = moments(x_hat[drawn][:, channel])
            shift[i, channel] = of_ghost - mean
            ratio[i, channel] = math.sqrt((ghost_var + 1e-3) / (var + 1e-3))
    return shift, ratio


def haunt(x: Array, settings: Mapping[str, Any], statistics: tuple[Array, Array]) -> Array:
    shift, ratio = (values.reshape(*x.shape[:2], *(1,) * (x.ndim - 2)) for values in statistics)
    y: Array = (normalized_by(x, settings) - shift) / ratio
    return y


def renormalize(x: Array, settings: Mapping[str, Any], correction: tuple[list[float], list[float]]) -> Array:
    y = standardize("batch", x, settings["eps"])
    for channel, (r, d) in enumerate(zip(*correction, strict=True)):
        y[:, channel] = y[:, channel] * r + d
    return y


def filter_response(x: Array, state: State, settings: Mapping[str, Any]) -> Array:
    y = np.empty_like(x)
    for sample in range(x.shape[0]):
        for channel in range(x.shape[1]):
            values = x[sample, channel]
            square = sum(v * v for v in values.flat) / values.size
            learned = abs(state["learned_eps"][channel]) if x.ndim == 2 else 0.0
            y[sample, channel] = values / math.sqrt(square + settings["eps"] + learned)
    return y


def channel_by_channel(of_channel: Callable[[Array, float], Array]) -> Callable[[Array, Mapping[str, Any]], Array]:
    """Applies (values of a channel, eps) -> their x-hat to every channel."""

    def of_batch(x: Array, settings: Mapping[str, Any]) -> Array:
        y = np.empty_like(x)
        for channel in range(x.shape[1]):
            y[:, channel] = of_channel(x[:, channel], settings.get("eps", 0.0))
        return y

    return of_batch


def absolute_deviation(values: Array) -> float:
    """The mean of |v - mean|, times the square root of pi / 2."""
    mean, _ = moments(values)
    return math.sqrt(math.pi / 2) * sum(abs(v - mean) for v in values.flat) / values.size


OF_BATCH = {
    "l1_batch": channel_by_channel(lambda v, eps: (v - moments(v)[0]) / (absolute_deviation(v) + eps)),
    "mean_only_batch": channel_by_channel(lambda v, eps: v - moments(v)[0]),
    "variance_only_batch": channel_by_channel(lambda v, eps: v / math.sqrt(moments(v)[1] + eps)),
    "power": channel_by_channel(lambda v, eps: v / math.sqrt(sum(w * w for w in v.flat) / v.size + eps)),
}
"""Of power norm it is the warm-up."""


def online_statistics(x: Array, state: State, settings: Mapping[str, Any]) -> tuple[Array, Array]:
    """The mean and the variance before each sample, and after the last one: two of (N + 1, C)."""
    w = settings["momentum"]
    means, variances = [np.array(state["running_mean"])], [np.array(state["running_var"])]
    for sample in x:
        own = [moments(np.atleast_1d(values)) for values in sample]
        before = zip(own, means[-1], variances[-1], strict=True)
        both = [
            ((1 - w) * mu + w * m, (1 - w) * var + w * v + w * (1 - w) * (m - mu) ** 2) for (m, v), mu, var in before
        ]
        means.append(np.array([mu for mu, _ in both]))
        variances.append(np.array([var for _, var in both]))
    return np.stack(means), np.stack(variances)


def online_x_hat(x: Array, state: State, settings: Mapping[str, Any]) -> Array:
    means, variances = online_statistics(x, state, settings)
    x_hat = np.empty_like(x)
    for t in range(len(x)):
        for channel in range(x.shape[1]):
            deviation = math.sqrt(variances[t, channel] + settings["eps"])
            x_hat[t, channel] = (x[t, channel] - means[t, channel]) / deviation
    return x_hat


def after_online(x_hat: Array, state: State, settings: Mapping[str, Any]) -> Array:
    channels = x_hat.shape[1]
    gamma, beta = state.get("weight", np.ones(channels)), state.get("bias", np.zeros(channels))
    z = per_channel(gamma, x_hat.ndim) * x_hat + per_channel(beta, x_hat.ndim)
    return np.stack([each / math.sqrt(sum(v * v for v in each.flat) / each.size + settings["eps"]) for each in z])


def one_by_one(x: Array, state: State, settings: Mapping[str, Any]) -> Array:
    return after_online(online_x_hat(x, state, settings), state, settings)


def softmax(logits: Array) -> list[float]:
    powers = [math.exp(v) for v in logits]
    return [power / sum(powers) for power in powers]


def switch(x: Array, state: State, settings: Mapping[str, Any]) -> Array:
    y = np.empty_like(x)
    means, variances = softmax(state["mean_logits"]), softmax(state["var_logits"])
    for sample in range(x.shape[0]):
        for channel in range(x.shape[1]):
            sets = [x[sample, channel], x[sample], x[:, channel]][-len(means) :]
            of_sets = [moments(values) for values in sets]
            mean = sum(share * m for share, (m, _) in zip(means, of_sets, strict=True))
            var = sum(share * v for share, (_, v) in zip(variances, of_sets, strict=True))
            y[sample, channel] = (x[sample, channel] - mean) / math.sqrt(var + settings["eps"])
    return y


def slopes(function: Callable[[Array], Array], at: Array, g: Array) -> Array:
    """d(sum of g function(at))/d(at) by central differences; good to about 1e-8."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        step = 1e-5
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (g * (function(up) - function(down))).sum() / (2 * step)
    return gradient
