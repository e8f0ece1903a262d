"""How the values inside the network are distributed, at each norm and each activation.

Of the inputs of an activation, over the step's batch:

    unit_15, unit_50, unit_85  percentiles of the layer's first unit, or channel: Ioffe & Szegedy 2015, figure 1
    all_15, all_50, all_85     percentiles of all its units together
    dead                       ReLU: the share of units whose input is not above 0 in any sample
    saturated                  sigmoid, tanh: the share of values at which the output lies in the outer 5 % of its
                               range, on either side

Of the inputs and the outputs of a norm, `input_` and `output_`; with norm=none both are the inputs of a norm there:

    mean, sd                   of all values
    cosine                     the mean cosine of two different samples (Daneshmand et al. 2020, arXiv 2003.01652)
    stable_rank                ‖X‖_F² / ‖X‖₂² of the first 32 samples, a row each (at most 32; 1: all are alike)

Percentiles are interpolated between the two nearest values, as in NumPy. A sample that is all 0 has no direction and is
left out of the cosine. In a layer with positions (a convolution's, or tokens) evenly spaced positions are taken, at
least one, so that a layer has at most 32,768 values; all samples and all units are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bnlab.engine import Look, Values
from bnlab.lifting import Passed
from bnlab.models import Places

PERCENTILES = (15, 50, 85)
MOST_VALUES = 2**15
"""Values of a layer, in one replicate."""
MOST_ROWS = 32
"""Samples from which the stable rank is computed."""
OUTER = 0.05
"""The share of the output's range, on either side, that counts as saturated."""
BEGINS = {nn.Sigmoid: math.log((1 - OUTER) / OUTER), nn.Tanh: math.atanh(1 - 2 * OUTER)}
"""The absolute value of the input at which an activation begins to be saturated."""


def measure(look: Look, places: Sequence[Places]) -> Values:
    """The quantities at the top of this file."""
    norms = dict.fromkeys(path for each in places for path in each.norms)
    activations = dict.fromkeys(path for each in places for path in each.activations)
    found: dict[tuple[str, str], Tensor] = {}
    with look.passing([*norms, *activations]) as passed:
        look.pass_batch()
    for layer, parts in passed.items():
        for part in parts:
            kept = [number for number, each in enumerate(part.owners) if _has(places[each], layer)]
            owners = [part.owners[number] for number in kept]
            measured = _of_activation(part.kind, part.inputs) if layer in activations else _of_norm(part)
            for quantity, values in measured if owners else ():
                if len(owners) == len(places):
                    found[layer, quantity] = values
                    continue
                if (layer, quantity) not in found:
                    found[layer, quantity] = look.no_values()
                found[layer, quantity][owners] = values[kept].double()
    return found


def _has(places: Places, layer: str) -> bool:
    return layer in places.norms or layer in places.activations


def _of_norm(part: Passed) -> Iterator[tuple[str, Tensor]]:
    for side, calls in (("input", part.inputs), ("output", part.outputs)):
        values = _by_unit(calls)
        rows = values.flatten(2)
        yield f"{side}_mean", rows.mean((1, 2))
        yield f"{side}_sd", rows.flatten(1).std(1, correction=0)
        yield f"{side}_cosine", _cosine(rows)
        yield f"{side}_stable_rank", _stable_rank(rows[:, :MOST_ROWS])


def _of_activation(kind: type[nn.Module], calls: Sequence[Tensor]) -> Iterator[tuple[str, Tensor]]:
    values = _by_unit(calls)
    for of_whom, some in (("unit", values[..., 0]), ("all", values)):
        for percent, percentile in zip(PERCENTILES, _percentiles(some.flatten(1)), strict=True):
            yield f"{of_whom}_{percent}", percentile
    if kind is nn.ReLU:
        yield "dead", (values.flatten(1, 2).amax(1) <= 0).double().mean(1)
    if kind in BEGINS:
        yield "saturated", (values.flatten(1).abs() > BEGINS[kind]).double().mean(1)


def _by_unit(calls: Sequence[Tensor]) -> Tensor:
    """The values of all calls of a layer, (R, N, C, H, W), (R, N, T, C) or (R, N, C) each, as (R, N, positions, C)."""
    x = torch.cat(list(calls), 1)
    x = (x.movedim(2, -1) if x.ndim == 5 else x).flatten(2, -2) if x.ndim > 3 else x.unsqueeze(2)
    fitting = max(1, MOST_VALUES // (x.shape[1] * x.shape[3]))
    return x[:, :, :: -(-x.shape[2] // fitting)]


def _percentiles(values: Tensor) -> Iterator[Tensor]:
    """The percentiles (R,) of values (R, M). NumPy sorts several times as fast as PyTorch."""
    ordered = np.sort(values.cpu().numpy(), axis=1).astype(np.float64)
    for percent in PERCENTILES:
        place = percent / 100 * (ordered.shape[1] - 1)
        lower = math.floor(place)
        upper = min(lower + 1, ordered.shape[1] - 1)
        below, above = ordered[:, lower], ordered[:, upper]
        yield torch.from_numpy(below + (place - lower) * (above - below))


def _cosine(rows: Tensor) -> Tensor:
    """The mean cosine (R,) over all pairs of different rows of (R, N, D).

    The sum of the products of all pairs of directions is the squared norm of the directions' sum.
    """
    lengths = rows.norm(dim=2, keepdim=True)
    directions = torch.where(lengths > 0, rows / lengths, 0).double()
    count = (lengths > 0).sum((1, 2)).double()
    of_all = directions.sum(1).square().sum(1)
    cosine: Tensor = (of_all - count) / (count * (count - 1))
    return cosine


def _stable_rank(rows: Tensor) -> Tensor:
    """The stable rank (R,) of rows X (R, N, D): X Xᵀ has the largest eigenvalue ‖X‖₂² and the trace ‖X‖_F²."""
    products = torch.bmm(rows, rows.mT)
    finite = products.isfinite().all(2).all(1)
    largest = torch.linalg.eigvalsh(products.nan_to_num(0.0, 0.0, 0.0))[:, -1]
    return torch.where(finite, products.diagonal(dim1=1, dim2=2).sum(1) / largest, torch.nan)
