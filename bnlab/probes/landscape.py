"""How smooth the loss is along the gradient of one batch: Santurkar et al. 2018 (arXiv 1805.11604, figure 4).

L is the batch's mean loss in training mode (normalized by the batch's own statistics, as in training), w all weights
and g = ∇L(w). At seven lengths η, from 1/2 to 4 times the step's learning rate, evenly spaced on a logarithmic scale:

    loss                                          L(w)
    loss_min, loss_max                            of L(w - η g)
    gradient_distance_min, gradient_distance_max  of |g - ∇L(w - η g)|: gradient predictiveness
    smoothness                                    the largest |g - ∇L(w - η g)| / |η g|: effective beta-smoothness

The paper does not say how many lengths it takes; seven is bnlab's choice. The step itself may go in another direction,
as Adam's does. The scale of weights before a norm does not matter, so the same η is not the same step for two schemes:
the `relative_` quantities have η = ρ |w| / |g| instead, with ρ from 1/2 to 4 times 0.01. All are measured along one
gradient, from one point. A loss that is not a number counts as infinite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from bnlab.engine import WHOLE, Look, Values
from bnlab.models import Places

POINTS = 7
SHORTEST, LONGEST = 0.5, 4.0
"""Lengths, in learning rates."""
RELATIVE = 0.01
"""For `relative_` quantities the length in place of the learning rate, as a share of the norm of all weights."""


def measure(look: Look, places: Sequence[Places]) -> Values:
    """The quantities at the top of this file."""
    loss, gradients = look.loss_and_gradients(look.before)
    length, weights = look.norms(gradients)[WHOLE], look.norms(look.before)[WHOLE]
    found = {(WHOLE, "loss"): loss}
    for prefix, rates in (("", look.rates.to(length.device)), ("relative_", RELATIVE * weights / length)):
        for quantity, values in _along(look, gradients, length, rates):
            found[WHOLE, prefix + quantity] = values
    return found


def _along(look: Look, gradients: Sequence[Tensor], length: Tensor, rates: Tensor) -> Iterator[tuple[str, Tensor]]:
    losses, distances, smoothness = [], [], []
    for factor in torch.logspace(math.log10(SHORTEST), math.log10(LONGEST), POINTS, dtype=torch.float64).tolist():
        loss, others = look.loss_and_gradients(look.moved(factor * rates))
        distance = look.norms([g - other for g, other in zip(gradients, others, strict=True)])[WHOLE]
        losses.append(loss)
        distances.append(distance)
        smoothness.append(distance / (factor * rates * length))
    for quantity, series in (("loss", losses), ("gradient_distance", distances)):
        yield f"{quantity}_min", _largest_for_nan(series).amin(0)
        yield f"{quantity}_max", _largest_for_nan(series).amax(0)
    yield "smoothness", _largest_for_nan(smoothness).amax(0)


def _largest_for_nan(series: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(series)).nan_to_num(nan=math.inf, posinf=math.inf)
