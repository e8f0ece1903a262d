"""Facts about the gradient of a layer whose output in training is right; see facts.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from bnlab.verification.checks import Diagnosis, errors, measures
from bnlab.verification.mistakes.mistakes import FACTS
from bnlab.verification.reference import Array, per_channel, values_of
from bnlab.verification.reference.layers import New, ReferenceNew


def terms_of_gradient(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    recipe, settings = expected.reference.recipe, expected.reference.settings
    if recipe is None or recipe.mixed or recipe.renormalized or recipe.ghosts or "eps" not in settings:
        return
    x, g = measures.draw(ndim), measures.draw(ndim, seed=9)
    layer = expected(ndim)
    seen = new(ndim).gradients(x, g)["input"]
    if _equal(seen, layer.gradients(x, g)["input"]):
        return
    groups = settings.get("num_groups", 1)
    mean, var = values_of(recipe, x, groups)
    sigma = np.sqrt(var + settings["eps"])
    x_hat = (x - mean) / sigma
    of_x_hat = per_channel(layer.parameters().get("weight", np.ones(x.shape[1])), ndim) * g
    over = replace(recipe, centred=True)
    terms = [of_x_hat, values_of(over, of_x_hat, groups)[0], x_hat * values_of(over, of_x_hat * x_hat, groups)[0]]
    for of_mean, of_x_hat_mean in product((0, -1, 1, -2, 2), repeat=2):
        powers = 0, of_mean, of_x_hat_mean
        columns = [term * sigma**power / sigma for term, power in zip(terms, powers, strict=True)]
        factors = np.linalg.lstsq(np.stack([each.ravel() for each in columns], axis=1), seen.ravel(), rcond=None)[0]
        if _equal(np.tensordot(factors, columns, 1), seen):
            yield Diagnosis("terms of the gradient", _of_terms(factors, powers, centred=recipe.centred))
            return


def _of_terms(factors: Array, powers: tuple[int, int, int], *, centred: bool) -> str:
    """What is said of a gradient (a γ g + b σ^p mean(γ g) + c σ^q x̂ mean(γ g x̂)) / σ.

    Args:
        factors: a, b and c.
        powers: 0, p and q.
        centred: whether the scheme takes the mean off.
    """
    words = [
        f"{factor:.4g} {f'σ^{power} ' if power else ''}{term}"
        for factor, power, term in zip(factors, powers, ("γ g", "mean(γ g)", "x̂ mean(γ g x̂)"), strict=True)
        if abs(factor) > 1e-6
    ]
    right = "(γ g − mean(γ g) − x̂ mean(γ g x̂)) / σ" if centred else "(γ g − x̂ mean(γ g x̂)) / σ"
    seen = " + ".join(words).replace("+ -", "− ") or "0"
    return f"the input's gradient is ({seen}) / σ, with g = ∂loss/∂y: in this scheme it is {right}."


def derivative(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    x, g = measures.draw(ndim), measures.draw(ndim, seed=9)
    seen, right = (each(ndim).gradients(x, g)["input"] for each in (new, expected))
    if not _equal(seen, right):
        yield Diagnosis("gradient of another function", FACTS["gradient of another function"])


def of_constants(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    seen, right = (measures.constant(each, ndim) for each in (new, expected))
    if any(not np.isfinite(value).all() and np.isfinite(right[name]).all() for name, value in seen.items()):
        yield Diagnosis("constants are no numbers", FACTS["constants are no numbers"])


def _equal(seen: Array, right: Array) -> bool:
    return errors({"": seen}, {"": right})[1] <= 1e-6
