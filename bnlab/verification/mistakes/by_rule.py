"""Mistakes in the output that are made by rule: other axes of the statistics, one mode alone, fixed numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from bnlab.verification.mistakes.mistake import ALL, BATCH, Mistake
from bnlab.verification.mistakes.wrong_output import OUTPUT
from bnlab.verification.reference import IN_EVALUATION, Recipe


def over_other_axes(scheme: str, recipe: Recipe) -> Iterator[Mistake]:
    """For each set of axes over which statistics can go and no mistake of `OUTPUT` has, the mistake to go over it."""
    named = [_axes(replace(recipe, **each.change)) for each in OUTPUT if scheme in each.schemes and is_of_axes(each)]
    for samples, channels, space in _all_axes(recipe):
        other = replace(recipe, samples=samples, channels=channels, space=space)
        if _axes(other) in [*named, _axes(recipe)]:
            continue
        named.append(_axes(other))
        text = f"statistics go over {_in_words(other)}: in this scheme they go over {_in_words(recipe)}."
        change = _changed(recipe, other)
        yield Mistake("statistics over other axes", change, text, ALL, leaves_running_open=True)
    if not recipe.mixed:
        yield from _over_two_sets_of_axes(recipe)


def _over_two_sets_of_axes(recipe: Recipe) -> Iterator[Mistake]:
    """The mistakes in which one of mean and variance goes over other axes than in the scheme."""
    right = _axes(recipe)
    for other in (replace(recipe, samples=s, channels=c, space=p) for s, c, p in _all_axes(recipe)):
        if _axes(other) == right:
            continue
        words = f"in this scheme both go over {_in_words(recipe)}."
        text = f"the variance goes over {_in_words(other)}: {words}"
        yield Mistake("variance over other axes", {"variance_over": _axes(other)}, text, ALL, leaves_running_open=True)
        if recipe.centred:
            text = f"the mean goes over {_in_words(other)}: {words}"
            change = _changed(recipe, other) | {"variance_over": right}
            yield Mistake("mean over other axes", change, text, ALL, leaves_running_open=True)


def _all_axes(recipe: Recipe) -> Iterator[tuple[bool, str, str]]:
    yield from product((False, True), dict.fromkeys(("channel", recipe.channels, "all")), _SPACES)


def _changed(recipe: Recipe, other: Recipe) -> dict[str, Any]:
    """The axes of another recipe that differ from a recipe's."""
    return {name: value for name, value in zip(_AXES, _axes(other), strict=True) if getattr(recipe, name) != value}


_AXES = ("samples", "channels", "space")
_SPACES = {
    "all": "the spatial axes",
    "first": "the first spatial axis",
    "second": "the last spatial axis",
    "none": "",
}


def is_of_axes(mistake: Mistake) -> bool:
    """Whether a mistake is only in the axes over which statistics go."""
    return set(mistake.change) <= {*_AXES, "variance_over"}


def _axes(recipe: Recipe) -> tuple[bool, str, str]:
    return recipe.samples, recipe.channels, recipe.space


def _in_words(recipe: Recipe) -> str:
    channels = {"channel": "", "all": "the features"}.get(recipe.channels, "the features of a group")
    words = [word for word in ("the batch" if recipe.samples else "", channels, _SPACES[recipe.space]) if word]
    return " and ".join(words) or "no axis"


def fixed_numbers(factor: float, addend: float) -> Mistake:
    """The mistake that a fixed number multiplies the output, and another is added to it."""
    times, plus = f"the output is multiplied by {factor:.6g}", f"{addend:.6g} is added to"
    said = f"{plus} the output" if abs(factor - 1) < LEAST else f"{times}, and {plus} it" if addend else times
    text = f"{said}: the papers, PyTorch and Keras have no such number."
    return Mistake("fixed numbers", {"factor": factor, "addend": addend}, text)


LEAST = 1e-6
"""The least difference from 1 and 0 of numbers that are said to multiply the output, and to be added to it."""


BY_MODE = {
    "divisor": "what x is divided by",
    "eps": "the place of eps",
    "taken_off": "the mean that is taken off",
    "affine": "gamma and beta",
}
"""The choices that a layer may make otherwise in one mode alone, in words."""


def in_one_mode(scheme: str, recipe: Recipe) -> Iterator[Mistake]:
    """The mistakes in the output that may be made in one mode alone, for schemes with running statistics."""
    if scheme not in BATCH:
        return
    for each in OUTPUT:
        if scheme not in each.schemes or not set(each.change) <= set(BY_MODE):
            continue
        in_evaluation = {f"{IN_EVALUATION}{name}": value for name, value in each.change.items()}
        right = {f"{IN_EVALUATION}{name}": getattr(recipe, name) for name in each.change}
        for mode, name, change in (
            ("eval", "evaluation", in_evaluation),
            ("train", "training", {**each.change, **right}),
        ):
            text = f"in {mode} mode alone {each.text}"
            yield Mistake(f"{each.name} in {name}", change, text, BATCH, each.leaves_open)
