"""The checks: what is measured, how far from the reference it may be, and the verdict of each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from bnlab.norms import SHAPES as SHAPE_NAMES
from bnlab.verification.checks import measures, special
from bnlab.verification.checks.measures import Measure
from bnlab.verification.checks.result import COARSE, EXACT, FAIL, FINE, NOT_APPLICABLE, PASS, WARN, Result, errors
from bnlab.verification.checks.subject import Accepted, Subject
from bnlab.verification.reference import Reference
from bnlab.verification.reference.layers import CHANNELS, ReferenceNew, width


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Attributes:
        name: what the table calls it.
        measure: the numbers that are compared with the reference's.
        tolerance: largest deviation allowed, relative to the largest expected value, where the type is a coarse one.
        ndim: dimensions of the input; None is the first shape that the layer takes.
        setting: which setting it is about, if it is about one.
        absent: why it does not apply, when the scheme has no such setting or nothing to measure.
        rounding: the numbers are those of a coarse type, so that two wrong layers need not agree in them.
        running: it is about running statistics and what they are used for.
        of_activations: it is about what is computed from the activations.
        offset: it is about what is far from zero, where a rounding error is a mistake.
    """

    name: str
    measure: Measure
    tolerance: float = EXACT
    ndim: int | None = None
    setting: str = ""
    absent: str = ""
    rounding: bool = False
    running: bool = False
    of_activations: bool = False
    offset: bool = False


OFFSET = "offset 10,000 ± 1 in float32"

_NO_STATISTICS = "keeps no running statistics"

CHECKS = (
    Check("initial values", measures.initial, absent="has none", running=True),
    Check("forward, training", measures.training),
    Check("gradient of input", measures.gradient_of("input")),
    Check("gradient of gamma", measures.gradient_of("weight"), absent="has no gamma"),
    Check("gradient of beta", measures.gradient_of("bias"), absent="has no beta"),
    Check("gradient of other parameters", measures.other_gradients, absent="has no others"),
    Check("running mean after 3 batches", measures.running("running_mean"), absent=_NO_STATISTICS, running=True),
    Check("running variance after 3 batches", measures.running("running_var"), absent=_NO_STATISTICS, running=True),
    Check("momentum: weight of new batch", measures.momentum, absent=_NO_STATISTICS, running=True),
    Check("stored over biased variance", measures.stored_variance, absent=_NO_STATISTICS, running=True),
    Check("forward, evaluation", measures.evaluation, running=True),
    Check("eps inside the root", measures.near_eps, setting="eps", absent="has no eps", of_activations=True),
    Check("train/eval switch", measures.switch, running=True),
    Check("the switch, not no_grad, sets the mode", measures.crossed, running=True),
    Check("constant features", measures.constant),
    Check("state_dict round trip", measures.round_trip, running=True),
    Check("invariances (Ba et al., table 1)", measures.invariances),
    *(
        Check(
            f"{OFFSET}, {name}",
            measures.offset,
            tolerance=0.02,
            ndim=ndim,
            absent="two values of a group are rounded too much for it",
            rounding=True,
            offset=True,
        )
        for ndim, name in SHAPE_NAMES.items()
    ),
    Check("float32", measures.precision("float32"), tolerance=1e-6, rounding=True),
    Check("bfloat16", measures.precision("bfloat16"), tolerance=0.05, rounding=True),
    Check("float16", measures.precision("float16"), tolerance=0.01, rounding=True),
    *(Check(f"shape {name}", measures.shape, ndim=ndim) for ndim, name in SHAPE_NAMES.items()),
)


@dataclass(frozen=True)
class Report:
    """All results for one subject.

    Attributes:
        exact: the tolerance in float64.
        defects: keys of what is wrong with how the layer keeps its tensors; see mistakes/mistakes.py.
    """

    subject: Subject
    taken: Accepted
    exact: float
    results: tuple[Result, ...]
    defects: tuple[str, ...]

    @property
    def failed(self) -> bool:
        return any(result.status == FAIL for result in self.results)


def run(subject: Subject, taken: Accepted) -> Report:
    """Every check of a subject that takes at least one shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ndim = taken.shapes[0]
        exact = _tolerance(subject, ndim)
        defects = special.defects(subject, ndim)
        results = (
            *(_compare(check, subject, taken, exact) for check in CHECKS),
            special.gradcheck(subject, ndim, exact),
            special.batch_of_one(subject, ndim, exact),
            special.kept_tensors(subject, defects),
        )
    return Report(subject, taken, exact, results, tuple(defects))


def _compare(check: Check, subject: Subject, taken: Accepted, exact: float) -> Result:
    ndim = check.ndim or taken.shapes[0]
    if ndim in taken.broken and not check.offset:
        return Result(check.name, FAIL, note=f"raises {taken.refused[ndim]}")
    if ndim in taken.refused:
        return Result(check.name, NOT_APPLICABLE, note="" if check.offset else taken.refused[ndim])  # said once
    if check.of_activations and subject.reference.of_weights:
        return Result(check.name, NOT_APPLICABLE, note="computes nothing from the activations")
    has_setting = not check.setting or check.setting in subject.reference.settings
    expected = check.measure(ReferenceNew(subject.reference), ndim) if has_setting else {}
    if not expected:
        return Result(check.name, NOT_APPLICABLE, note=check.absent)
    tolerance = _coarse(check) if check.rounding else exact
    try:
        seen = check.measure(subject.new, ndim)
    except (Exception, SystemExit) as error:
        half = check.name in ("bfloat16", "float16")
        note = f"raises {subject.said(error)}"
        return Result(check.name, NOT_APPLICABLE if half else FAIL, tolerance=tolerance, note=note, expected=expected)
    absolute, relative = errors(seen, expected)
    status = PASS if relative <= tolerance else FAIL
    missing = [name for name in expected if name not in seen]
    note = f"it has no {', '.join(missing)}" if missing else ""
    if status == FAIL and (known := next((name for name in subject.deviations if check.name.startswith(name)), "")):
        status, note = WARN, subject.deviations[known]
    return Result(check.name, status, absolute, relative, tolerance, note, seen, expected)


def _coarse(check: Check) -> float:
    """In some of many small groups all values are nearly equal, which magnifies rounding."""
    return check.tolerance * (1 if width() == CHANNELS or check.offset else 10)


def _tolerance(subject: Subject, ndim: int) -> float:
    """What a layer is held to in float64: more than rounding only where it works in float32."""
    seen, reference = measures.training(subject.new, ndim), subject.reference

    def off(reference: Reference) -> float:
        return errors(seen, measures.training(ReferenceNew(reference), ndim))[1]

    rounded = EXACT < off(reference) < 1e-6
    if rounded and reference.recipe and any(off(reference.by(eps=place)) <= EXACT for place in _ELSEWHERE):
        return EXACT  # a small ε in another place, and no rounding
    if rounded and off(reference) < FINE / 10:  # a sum in another order
        return FINE
    return COARSE if rounded or _rounds_to_float32(subject, ndim) else EXACT


_ELSEWHERE = ("inside", "outside", "none", "twice", "subtracted", "clamped", "clamped outside")
"""Where a layer may have put ε."""


def _rounds_to_float32(subject: Subject, ndim: int) -> bool:
    x = measures.draw(ndim)
    fine, coarse = (
        subject.new(ndim).forward(values, training=True) for values in (x, x.astype(np.float32).astype(np.float64))
    )
    return bool(np.array_equal(fine, coarse)) and subject.scheme != "none"
