"""Facts about a layer whose numbers no known mistake gives: what a value of its output depends on, and how.

Each is found by running the layer beside the reference, with those mistakes that are certain, and is said only where
the two differ. So a fact is true whatever the layer computes, and often names the mistake: "an input 3 times as large
gives an output 3 times as large" is said of a layer that forgets to divide.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from bnlab.verification.checks import FAIL, Diagnosis, measures
from bnlab.verification.checks.checks import Report
from bnlab.verification.mistakes.facts_of_gradient import derivative, of_constants, terms_of_gradient
from bnlab.verification.mistakes.mistakes import FACTS
from bnlab.verification.reference import Array
from bnlab.verification.reference.layers import Layer, New, ReferenceNew, shape_of

MOST = 3
"""The number of facts that are said."""

LARGE = 100.0
"""The factor of inputs that are so large that ε does not matter."""

TIMES, PLUS = 3.0, 500.0
"""By what these inputs are multiplied, and what is added to them."""

ALIKE = 0.02
"""The largest relative difference between two numbers that are said to be equal."""


def facts(report: Report, expected: ReferenceNew) -> tuple[Diagnosis, ...]:
    """At most `MOST` facts in which a layer differs from the reference, the most telling ones first.

    Args:
        report: the layer's.
        expected: the reference with the mistakes that are known to be in the layer.
    """
    ndim = max(report.taken.shapes)
    found: list[Diagnosis] = []
    output = next(result for result in report.results if result.check == "forward, training")
    for fact in _OF_OUTPUT if output.status == FAIL else _OF_OTHERS:
        if fact in _AFTER and {each.mistake for each in found} & _AFTER[fact]:
            continue
        with np.errstate(all="ignore"), contextlib.suppress(Exception, SystemExit):  # of the layer: a check reports it
            found += fact(report.subject.new, expected, ndim)
    return tuple(found[:MOST])


def _not_a_number(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    y, right = (measures.training(each, ndim)["y"] for each in (new, expected))
    if np.isfinite(right).all() and not np.isfinite(y).all():
        yield Diagnosis("not a number", FACTS["not a number"])


def _of_earlier_batches(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    if _differ(new, ndim, _first_and_later) and not _differ(expected, ndim, _first_and_later):
        recipe = expected.reference.recipe
        where = " as long as r_max = 1 and d_max = 0" if recipe and recipe.renormalized else ""
        text = f"in train mode its output depends on the batches before: this scheme's does not{where}."
        yield Diagnosis("depends on earlier batches", text)


def _of_mode(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    if expected.reference.statistics:
        return
    if _differ(new, ndim, _trained_and_evaluated) and not _differ(expected, ndim, _trained_and_evaluated):
        yield Diagnosis("mode changes the output", FACTS["mode changes the output"])


def _of_other_values(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    if (axis := _only_before(new, ndim)) and not _only_before(expected, ndim):
        before = f"a value of the output depends on the {axis} before its own, and not on later ones"
        yield Diagnosis("depends on other values", f"{before}: in this scheme it depends on all.")
        return
    seen, right = (_depends_on(each, ndim) for each in (new, expected))
    if seen != right:
        text = f"a value of the output depends on {seen}: in this scheme it depends on {right}."
        yield Diagnosis("depends on other values", text)


def _in_evaluation(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    seen, right = _differ(new, ndim, _alone_and_together), _differ(expected, ndim, _alone_and_together)
    if seen != right:
        said = "depends on the other samples of a batch" if seen else "does not depend on the other samples"
        right_said = "it does" if right else "it does not"
        yield Diagnosis(
            "evaluation of samples together", f"in eval mode a sample's output {said}: in this scheme {right_said}."
        )


def _scale(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    seen, right = (_mean_square(each, ndim, TIMES) / _mean_square(each, ndim) for each in (new, expected))
    if not _near(np.sqrt(seen), np.sqrt(right)):
        text = f"an input {TIMES:g} times as large gives an output {np.sqrt(seen):.3g} times as large"
        yield Diagnosis("another scale", f"{text}: in this scheme {_times(np.sqrt(right))}.")


def _shift(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    seen, right = (_moved_by_shift(each, ndim) for each in (new, expected))
    if seen > ALIKE >= right:
        yield Diagnosis("another shift", FACTS["another shift"])


def _size(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    seen, right = (_mean_square(each, ndim) for each in (new, expected))
    if not _near(seen, right):
        text = f"the mean square of its output, with γ = 1 and β = 0, is {seen:.3g} for large inputs"
        yield Diagnosis("another size", f"{text}: in this scheme it is {right:.3g}.")


def _of_stored(new: New, expected: ReferenceNew, ndim: int) -> Iterator[Diagnosis]:
    if expected.reference.statistics:
        return
    seen, right = (measures.evaluation(new, ndim)["y"], measures.round_trip(new, ndim)["y"])
    if not np.allclose(seen, right, rtol=1e-9, atol=0):
        yield Diagnosis("state not stored", FACTS["state not stored"])


_OF_OUTPUT = (_not_a_number, _of_earlier_batches, _of_mode, _of_other_values, _in_evaluation, _scale, _shift, _size)
"""What is looked at if the output in training is wrong."""

_OF_OTHERS = (terms_of_gradient, derivative, of_constants, _of_mode, _of_stored, _in_evaluation)
"""The same if it is right."""

_AFTER = {
    **{fact: {"not a number"} for fact in _OF_OUTPUT[1:]},
    _size: {"not a number", "another scale", "another shift"},
    derivative: {"terms of the gradient"},
}
"""The facts after which a fact says nothing more."""


def _times(factor: float) -> str:
    return "as large a one" if _near(factor, 1.0) else f"one {factor:.3g} times as large"


def _near(seen: float, right: float) -> bool:
    return bool(abs(seen - right) <= ALIKE * max(abs(right), 1e-3))


def _differ(new: New, ndim: int, outputs: Callable[[New, int], tuple[Array, Array]]) -> bool:
    first, second = outputs(new, ndim)
    if first.shape != second.shape:
        return True
    largest = np.abs(first[np.isfinite(first)]).max(initial=1e-3)
    return bool((np.abs(first - second) > 1e-6 * largest).any())


def _first_and_later(new: New, ndim: int) -> tuple[Array, Array]:
    """The outputs in training for one batch, as the first and after two others."""
    x, later = measures.draw(ndim), new(ndim)
    for seed in (5, 6):
        later.forward(measures.draw(ndim, seed), training=True)
    return new(ndim).forward(x, training=True), later.forward(x, training=True)


def _trained_and_evaluated(new: New, ndim: int) -> tuple[Array, Array]:
    x, layer = measures.draw(ndim), measures.trained(new, ndim)
    return layer.forward(x, training=True), layer.forward(x, training=False)


def _alone_and_together(new: New, ndim: int) -> tuple[Array, Array]:
    """The outputs in evaluation of half a batch, and of the same samples in the whole batch."""
    x, half = measures.draw(ndim, seed=8), measures.draw(ndim).shape[0] // 2
    alone, together = (measures.trained(new, ndim).forward(each, training=False) for each in (x[:half], x))
    return alone, together[:half]


def _depends_on(new: New, ndim: int) -> str:
    """On which other values of x a value of y depends, in words: along each axis on none, all or some."""
    names = ("samples", "features", *_POSITIONS[ndim])
    found = {name: _influences_along(new, ndim, axis) for axis, name in enumerate(names)}
    if ndim == 4 and found[names[-2]] == found[names[-1]]:
        found |= {names[-2]: "", names[-1]: "", "positions": found[names[-1]]}
    said = [f"{which} {name}" for name, which in found.items() if which]
    return " and ".join(said) or "its own value of the input alone"


_POSITIONS = {2: (), 3: ("positions",), 4: ("positions on the first spatial axis", "positions on the last axis")}
"""Words for the spatial axes, by the number of dimensions."""


def _influences_along(new: New, ndim: int, axis: int) -> str:
    """At which other indices of an axis x influences y at one that is not the first: all (`other`), some, or none."""
    x, other_x, own = measures.draw(ndim), measures.draw(ndim, seed=7), min(2, shape_of(ndim)[axis] - 1)
    others = [index for index in range(x.shape[axis]) if index != own]
    found = []
    for index in others:
        moved = np.where(np.indices(x.shape)[axis] == index, other_x, x)
        found += [index] if measures.changed_by(new, ndim, moved).take(own, axis).any() else []
    if found in ([], others):
        return "other" if found else ""
    if found == [0]:
        return "the first of the"
    return "the last of the" if found == [x.shape[axis] - 1] else "some other"


def _only_before(new: New, ndim: int) -> str:
    """The axis along which all earlier values of x influence a value of y, and no later ones; empty if none is so."""
    first, second, last = (measures.influence_of(new, ndim, at) for at in (0, 1, -1))
    for axis, name in enumerate(("samples", "features", "positions", "positions")[:ndim]):
        later = np.delete(first, 0, axis).any() and (first.shape[axis] == 2 or np.delete(second, (0, 1), axis).any())
        if later and not np.delete(last, -1, axis).any():
            return name
    return ""


def _plain(new: New, ndim: int) -> Layer:
    """A layer with γ = 1 and β = 0."""
    layer = new(ndim, drawn=False)
    for name, value in (("weight", 1.0), ("bias", 0.0)):
        if name in (given := layer.parameters()):
            layer.give(name, np.full(given[name].shape, value))
    return layer


def _large(ndim: int) -> Array:
    return LARGE * measures.draw(ndim)


def _mean_square(new: New, ndim: int, times: float = 1.0) -> np.float64:
    y = _plain(new, ndim).forward(times * _large(ndim), training=True)
    return np.float64(np.square(y).mean())


def _moved_by_shift(new: New, ndim: int) -> float:
    """The relative change of the output by a number that is added to all of x."""
    before, after = (_plain(new, ndim).forward(_large(ndim) + plus, training=True) for plus in (0.0, PLUS))
    return float(np.abs(after - before).max() / np.abs(before).max())
