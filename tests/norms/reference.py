"""Every scheme once more: plain loops over float64 numbers, written from the papers and not from bnlab's code.

`groups_of` lists, for a scheme, the index sets that share one mean and variance; all else follows from them. Gradients
come from the full Jacobian of one set, (dx̂_i/dx_j), not from the simplified formula that the layers use.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = tuple[Any, ...]


def groups_of(scheme: str, shape: tuple[int, ...], num_groups: int = 1) -> Iterator[Index]:
    """Indices into an array of that shape (N, C, ...), each selecting the values that are normalized together."""
    n, c = shape[:2]
    if scheme == "batch":
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
