"""Internal covariate shift, as measured by Santurkar et al. 2018 (arXiv 1805.11604, definition 2.1).

G is a layer's gradient at the step. G' is its gradient on the same batch if the layers before it have made the step
already, while this layer and all later ones have not:

    gradient_norm = |G|        distance = |G - G'|        cosine = G·G' / (|G| |G'|)

G is the gradient of all of a layer's trained parameters together. The first layer has no layer before it, so its
distance is 0. It costs a forward and backward pass for each layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnlab.engine import Look, Values
from bnlab.models import Places


def measure(look: Look, places: Sequence[Places]) -> Values:
    """The quantities at the top of this file."""
    found = {}
    lengths = look.norms(look.gradients)
    for number, layer in enumerate(look.layers):
        _, shifted = look.loss_and_gradients(look.mixed(look.layers[:number]))
        differences = [a - b for a, b in zip(look.gradients, shifted, strict=True)]
        product, other = look.per_layer(look.gradients, shifted)[layer], look.norms(shifted)[layer]
        found[layer, "gradient_norm"] = lengths[layer]
        found[layer, "distance"] = look.norms(differences)[layer]
        found[layer, "cosine"] = product / (lengths[layer] * other)
    return found
