"""How large each layer's gradient is, and how far the step moves its weights.

For all trained parameters w of a layer together, and for the whole model ("model"), at the step w -> w + Δw with the
gradient g of the batch's mean loss:

    gradient_norm  = |g|          weight_norm = |w|         update_norm = |Δw|
    effective_lr   = |Δw| / |w|

The norms are Euclidean. g is the gradient before the optimizer clips it. Where the scale of the weights does not
matter, as before a norm, |Δw| / |w| is what counts of a step (van Laarhoven 2017, arXiv 1706.05350).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bnlab.engine import Look, Values
from bnlab.models import Places


def measure(look: Look, places: Sequence[Places]) -> Values:
    """The quantities at the top of this file."""
    gradients, weights = look.norms(look.gradients), look.norms(look.before)
    updates = look.norms([torch.sub(after, before) for after, before in zip(look.after, look.before, strict=True)])
    found = {}
    for layer in gradients:
        found[layer, "gradient_norm"] = gradients[layer]
        found[layer, "weight_norm"] = weights[layer]
        found[layer, "update_norm"] = updates[layer]
        found[layer, "effective_lr"] = updates[layer] / weights[layer]
    return found
