"""Says in words what is wrong with a layer that failed checks.

A mistake is named if the reference with this mistake gives the layer's numbers (see search.py), or if it shows in how
the layer keeps its tensors. Anything else is called unknown: no sentence is better than a false one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnlab.norms import SHAPES
from bnlab.verification.checks import FAIL, Diagnosis, measures
from bnlab.verification.checks.checks import Report
from bnlab.verification.mistakes.mistake import Mistake
from bnlab.verification.mistakes.mistakes import describe
from bnlab.verification.mistakes.search import Cell, Search
from bnlab.verification.reference import KNOWN, values_of
from bnlab.verification.reference.layers import ReferenceNew

RAISING = frozenset({"statistics of another shape", "input changed"})
"""Defects that make checks raise."""


def diagnose(report: Report) -> tuple[Diagnosis, ...]:
    """The diagnoses of a layer that failed checks, the first with the formula; none if it passed."""
    found = _diagnoses(report) if report.failed else ()
    formula = _formula(report)
    return tuple(replace(each, formula="" if number else formula) for number, each in enumerate(found))


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


def _diagnoses(report: Report) -> tuple[Diagnosis, ...]:
    defects = [Diagnosis(defect, describe(defect)) for defect in report.defects]
    others = [*defects, *_raised(report)]
    search = Search(report)
    if not search.wrong:
        return tuple(others) or (Diagnosis("unknown", f"'{_first_failure(report)}' fails."),)
    suspects = search.suspects()
    if explained := search.smallest(suspects):
        return (*_sentences(explained, report), *others)
    limited = search.limited()
    if limited and (explained := limited.smallest(limited.suspects())):
        shapes = " and ".join(SHAPES[ndim] for ndim in sorted({cell.ndim for cell in limited.wrong}))
        return (*_sentences(explained, report, f"for {shapes} only: "), *others)
    found, complete = search.by_aspect(suspects)
    if complete:
        return (*_sentences(found, report), *others)
    partly = found or search.partial(suspects)
    return (*_sentences(partly, report), *others, _unknown(search.wrong[0], beyond=bool(partly or others)))


def _sentences(mistakes: tuple[Mistake, ...], report: Report, where: str = "") -> list[Diagnosis]:
    """The diagnoses of mistakes. A wrong value of a setting that was assumed is no mistake of the layer."""
    assumed = {f"{setting} fixed" for setting in report.subject.assumed}
    return [Diagnosis(mistake.name, where + mistake.text) for mistake in mistakes if mistake.name not in assumed]


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
