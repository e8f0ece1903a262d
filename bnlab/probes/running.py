"""How far a norm's running statistics are from those of the training set.

With μ and σ² the mean and the variance of each channel of the norm's inputs, over the whole training set in batches of
the training's size, in training mode and with the current weights (Wu & Johnson 2021, arXiv 2105.07576: PreciseBN):

    mean_distance = √ mean over channels ((running mean - μ) / σ)²
    sd_distance   = √ mean over channels ((√ running variance - σ) / σ)²

both in units of σ. A channel that is constant has σ = 0 and is left out. Each measurement passes the whole training set
through the network: with an epoch of 430 steps and `probes.every=100` it takes several times as long as the training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from bnlab.engine import Look, Values
from bnlab.models import Places

ROUNDING = 1e-12
"""A variance below this share of the mean square is rounding error."""


def measure(look: Look, places: Sequence[Places]) -> Values:
    """The quantities at the top of this file, for every norm that has a running mean and variance."""
    layers = [layer for layer in look.layers_with("running_mean") if layer in look.layers_with("running_var")]
    found: dict[tuple[str, str], Tensor] = {}
    for layer, owners, moments in _of_training_set(look, layers):
        mean, square = moments[1] / moments[0], moments[2] / moments[0]
        variance = square - mean.square()
        sd = torch.where(variance > ROUNDING * square, variance.clamp(min=0).sqrt(), torch.nan)
        kept = {name: dict(look.buffers_of(layer, name)) for name in ("running_mean", "running_var")}
        if owners in kept["running_mean"]:
            distances = {
                "mean_distance": (kept["running_mean"][owners] - mean) / sd,
                "sd_distance": (kept["running_var"][owners].sqrt() - sd) / sd,
            }
            for quantity, distance in distances.items():
                values = found.setdefault((layer, quantity), look.no_values())
                values[list(owners)] = distance.square().nanmean(1).sqrt()
    return found


def _of_training_set(look: Look, layers: Sequence[str]) -> Iterator[tuple[str, tuple[int, ...], Tensor]]:
    """For the inputs of each layer: the replicates that have it, and their (3, R, C).

    These are the number, the sum and the sum of squares of each channel's values.
    """
    moments: dict[tuple[str, tuple[int, ...]], Tensor] = {}
    with look.passing(layers) as passed:
        for _ in look.pass_training_set():
            for layer, parts in passed.items():
                for part in parts:
                    key = layer, tuple(part.owners)
                    more = torch.stack([_moments(x.double()) for x in part.inputs]).sum(0)
                    moments[key] = moments[key] + more if key in moments else more
                    part.forget()
    yield from ((layer, owners, each) for (layer, owners), each in moments.items())


def _moments(x: Tensor) -> Tensor:
    """Number, sum and sum of squares (3, R, C) of the values of each channel of x (R, N, C, ...)."""
    rows = x.movedim(2, -1).flatten(1, -2)
    return torch.stack([torch.full_like(rows[:, 0], rows.shape[1]), rows.sum(1), rows.square().sum(1)])
