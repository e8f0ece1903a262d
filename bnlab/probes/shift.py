"""Internal covariate shift as Santurkar et al. 2018 (arXiv 1805.11604, definition 2.1) measure it.

G is a layer's gradient at the step, and G' what it would be had the layers before it made the step already: on the
same batch, with them as they are after it and this layer and all later ones as they are before it:

    gradient_norm = |G|        distance = |G - G'|        cosine = G·G' / (|G| |G'|)

Of all of a layer's trained numbers together; the first layer has no layer before it, so that its distance is 0. A pass
for each layer.
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
