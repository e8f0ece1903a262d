"""Says in words what is wrong with a layer that failed checks.

A mistake is named if the reference with this mistake gives the layer's numbers (see search.py), or if it shows in how
the layer keeps its tensors. Anything else is called unknown: no sentence is better than a false one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bnlab.norms import SHAPES
from bnlab.verification.checks import FAIL, ONE_POSITION, Diagnosis, measures
from bnlab.verification.checks.checks import Report
from bnlab.verification.checks.subject import Accepted
from bnlab.verification.mistakes.by_rule import is_of_axes
from bnlab.verification.mistakes.facts import facts
from bnlab.verification.mistakes.mistake import Mistake
from bnlab.verification.mistakes.mistakes import describe
from bnlab.verification.mistakes.search import Cell, Search
from bnlab.verification.reference import KNOWN, Recipe, values_of
from bnlab.verification.reference.layers import ReferenceNew

RAISING = frozenset({"statistics of another shape", "input changed"})
"""Defects that make checks raise."""


@dataclass(frozen=True)
class Explanation:
    """What explains the wrong numbers of a layer.

    Attributes:
        found: mistakes and conventions, each with the input shapes for which it was found, in words; empty for all.
        beyond: the first wrong array if that is not all.
        wrong: the numbers of dimensions for which there are mistakes.
    """

    found: tuple[tuple[Mistake, str], ...] = ()
    beyond: Cell | None = None
    wrong: frozenset[int] = frozenset()

    @property
    def conventions(self) -> tuple[Mistake, ...]:
        """The conventions, which the reference can follow."""
        return tuple(mistake for mistake, where in self.found if mistake.accepted and not where)

    def meant_for(self, taken: Accepted, *, may_be_of_tokens: bool) -> tuple[int, ...]:
        """Those of the shapes for which nothing is wrong, if elsewhere the only mistake is in the axes; else empty.

        A layer that names its axes, e.g. (0, 1, 2) of (N, H, W, C), may run on smaller inputs that it is not meant for;
        and one for tokens, (N, L, C), on images.
        """
        of_axes = bool(self.found) and all(is_of_axes(mistake) for mistake, _ in self.found)
        if not of_axes or self.beyond is not None:
            return ()
        right = [each for each in taken.shapes if each not in self.wrong]
        tokens = may_be_of_tokens and 3 in right
        return tuple(each for each in right if tokens or each > max(self.wrong))


def explain(report: Report) -> Explanation:
    """The mistakes and conventions that give a layer's wrong numbers."""
    search = Search(report)
    if not report.failed or not search.wrong:
        return Explanation()
    suspects = search.suspects()
    if found := search.smallest(suspects):
        return _everywhere(found, search)
    if by_shape := _by_shape(search.limited()):
        return by_shape
    found, complete = search.by_aspect(suspects)
    if complete:
        return _everywhere(found, search)
    if by_shape := _by_shape([search.on({ndim}) for ndim in sorted({cell.ndim for cell in search.wrong})]):
        return by_shape
    return _everywhere(found or search.partial(suspects), search, search.wrong[0])


def _everywhere(found: tuple[Mistake, ...], search: Search, beyond: Cell | None = None) -> Explanation:
    wrong = frozenset(cell.ndim for cell in search.wrong)
    return Explanation(tuple((mistake, "") for mistake in found), beyond, wrong)


def _by_shape(parts: list[Search]) -> Explanation | None:
    """The mistakes that explain all that is wrong in each part of the shapes; None if a part is not explained."""
    shapes: dict[Mistake, list[int]] = {}
    for part in parts:
        if not (found := part.complete()):
            return None
        for mistake in found:
            shapes.setdefault(mistake, []).extend(sorted({cell.ndim for cell in part.wrong}))
    wrong = {mistake: dims for mistake, dims in shapes.items() if not mistake.accepted} or shapes
    said = ((each, f"for {' and '.join(SHAPES[ndim] for ndim in dims)} only: ") for each, dims in wrong.items())
    return (
        Explanation(tuple(said), wrong=frozenset(ndim for dims in wrong.values() for ndim in dims)) if parts else None
    )


def diagnose(report: Report, explanation: Explanation | None = None) -> tuple[Diagnosis, ...]:
    """The diagnoses of a layer that failed checks, the first with the formula; none if it passed."""
    found = _diagnoses(report, explanation or explain(report)) if report.failed else ()
    formula = _formula(report)
    return tuple(replace(each, formula="" if number else formula) for number, each in enumerate(found))


def diagnose_fault(defects: Iterable[str], note: str, *, axes_mistaken: bool) -> tuple[Diagnosis, ...]:
    """The diagnoses of a layer that takes no input, by its own fault.

    Args:
        defects: what is wrong with how it keeps its tensors, as keys of `DEFECTS`.
        note: what it raises, `raises ...`, or what is wrong with the shape of its output.
        axes_mistaken: whether it runs on inputs whose axes all have one length.
    """
    found = [Diagnosis(defect, describe(defect)) for defect in defects]
    if axes_mistaken:
        return (*found, Diagnosis("axes taken for each other", f"{_AXES_MISTAKEN}; else it {note}."))
    it = "it " if note.startswith("raises") else ""
    return (*found, Diagnosis("raises", f"for every input {it}{note}."))


_AXES_MISTAKEN = (
    "it runs only on inputs whose axes all have one length, where a mean, a deviation or a parameter meets the wrong"
    " axis of x (without keepdim=True, or a view as (1, C, 1, 1)): PyTorch's layers take any lengths"
)


def _formula(report: Report) -> str:
    """The formula with its numbers, for the value of the output in training with the largest error; empty if none."""
    reference = report.subject.reference
    seen = next(result for result in report.results if result.check == "forward, training")
    recipe = reference.recipe
    if (
        seen.status != FAIL
        or "y" not in seen.seen
        or recipe is None
        or recipe.ghosts
        or recipe.mixed
        or recipe.renormalized
    ):
        return ""
    ndim = report.taken.shapes[0]
    gaps = np.nan_to_num(np.abs(seen.seen["y"] - seen.expected["y"]), nan=np.inf)
    index = tuple(int(i) for i in np.unravel_index(gaps.argmax(), gaps.shape))
    x = measures.draw(ndim)
    mean, var = values_of(recipe, x, reference.settings.get("num_groups", 1))
    layer = ReferenceNew(reference)(ndim)
    given = {name: value if value.size == 1 else value[index[1]] for name, value in layer.parameters().items()}
    gamma, beta = (float(np.ravel(given.get(name, usual))[0]) for name, usual in (("weight", 1.0), ("bias", 0.0)))
    eps, off = reference.settings["eps"], f" − {mean[index]:.6g}" if recipe.centred else ""
    formula, where = KNOWN[report.subject.scheme].formula, ", ".join(map(str, index))
    numbers = f"{gamma:.6g} · ({x[index]:.6g}{off}) / √({var[index]:.6g} + {eps:g}) + {beta:.6g}"
    right = f"by {formula} it is {numbers} = {seen.expected['y'][index]:.6g}"
    return f"y[{where}] is {seen.seen['y'][index]:.6g}; {right}"


def _diagnoses(report: Report, explanation: Explanation) -> tuple[Diagnosis, ...]:
    words = report.subject.defects
    others = [
        *(Diagnosis(each, describe(each, words.get(each, ""))) for each in report.defects),
        *_raised(report),
        *_of_one_position(report),
    ]
    # A wrong value of a setting that was assumed is no mistake of the layer.
    assumed = {f"{setting} fixed" for setting in report.subject.assumed}
    recipe = report.subject.reference.recipe
    named = [(each, where) for each, where in explanation.found if each.name not in assumed]
    said = [*(Diagnosis(mistake.name, where + _worded(mistake.text, recipe)) for mistake, where in named), *others]
    if explanation.beyond:
        more = facts(report, _reference_with(report, explanation.found))
        return (*said, *more, _unknown(explanation.beyond, beyond=bool(explanation.found or others or more)))
    return tuple(said) or (Diagnosis("unknown", f"'{_first_failure(report)}' fails."),)


def _reference_with(report: Report, found: Iterable[tuple[Mistake, str]]) -> ReferenceNew:
    """The reference with those mistakes that were found for all input shapes."""
    change = {name: value for mistake, where in found if not where for name, value in mistake.change.items()}
    return ReferenceNew(report.subject.reference.by(**change))


def _of_one_position(report: Report) -> list[Diagnosis]:
    """What is said where only inputs of one position are wrong."""
    outputs = [result for result in report.results if result.check.startswith(("shape", "forward, training"))]
    if any(result.status == FAIL for result in outputs):
        return []  # that is why
    notes = [result.note for result in report.results if result.note.startswith(ONE_POSITION)]
    where = "for inputs of one position, as a sequence of one token,"
    right = "PyTorch's layers normalize it by the same formula as any other"
    return [Diagnosis("one position", f"{where}{note.removeprefix(ONE_POSITION)}: {right}.") for note in notes]


def _worded(text: str, recipe: Recipe | None) -> str:
    """The sentence as it is for a scheme in which no mean is taken off."""
    if recipe is None or recipe.centred:
        return text
    return text.replace("(x − μ)", "x").replace("x − μ", "x").replace("σ²", "mean(x²)").replace("σ", "RMS")


def _raised(report: Report) -> list[Diagnosis]:
    """The first exception in a check that failed, unless a defect explains it."""
    if RAISING & set(report.defects):
        return []
    raised = [result for result in report.results if result.status == FAIL and result.note.startswith("raises ")]
    return [Diagnosis("raises", f"in '{result.check}' it {result.note.rstrip('.')}.") for result in raised[:1]]


def _first_failure(report: Report) -> str:
    return next(result.check for result in report.results if result.status == FAIL)


def _unknown(cell: Cell, *, beyond: bool) -> Diagnosis:
    """The diagnosis of wrong numbers without a known mistake: the value with the largest error in an array."""
    begin = "beyond that, the numbers are" if beyond else "no known mistake gives these numbers; they are"
    begin += f" first wrong in '{cell.check.name}'"
    if cell.seen.shape != cell.expected.shape:
        shapes = f"{cell.name} is of shape {cell.seen.shape}, the reference's is {cell.expected.shape}."
        return Diagnosis("unknown", f"{begin}: {shapes}")
    gaps = np.nan_to_num(np.abs(cell.seen - cell.expected), nan=np.inf)
    index = tuple(int(i) for i in np.unravel_index(gaps.argmax(), gaps.shape))
    seen, expected = cell.seen[index], cell.expected[index]
    where = f"{cell.name}[{', '.join(map(str, index))}]"
    return Diagnosis("unknown", f"{begin}: {where} is {seen:.6g}, the reference gives {expected:.6g}.")
