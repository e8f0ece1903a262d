"""The list of checks: what each measures and its tolerance; and `run`, which does them all."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from bnlab.norms import SHAPES as SHAPE_NAMES
from bnlab.verification.checks import measures, special
from bnlab.verification.checks.measures import Measure
from bnlab.verification.checks.result import (
    COARSE,
    EXACT,
    FAIL,
    FINE,
    NOT_APPLICABLE,
    PASS,
    ROUNDED,
    WARN,
    Result,
    errors,
)
from bnlab.verification.checks.subject import Accepted, Subject
from bnlab.verification.reference import Array, Reference
from bnlab.verification.reference.layers import CHANNELS, ReferenceNew, width


@dataclass(frozen=True)
class Check:
    """One check, which is a line of the table.

    Attributes:
        name: its name in the table.
        measure: gives the numbers that are compared with the reference's.
        tolerance: largest error allowed, relative to the largest expected value; used only if `rounding`.
        ndim: dimensions of the input; None is the first shape that the layer takes.
        setting: the setting that it tests, if it tests one.
        absent: the note if the scheme has no such setting or nothing to measure.
        rounding: it runs in a type coarser than float64, so that two layers with the same mistake may differ.
        running: it tests running statistics or their use.
        of_activations: it applies only to schemes that normalize activations, not weights.
        offset: its inputs are far from zero, where a large rounding error is a mistake.
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
    Check("float32", measures.precision("float32"), tolerance=ROUNDED, rounding=True),
    Check("bfloat16", measures.precision("bfloat16"), tolerance=0.05, rounding=True),
    Check("float16", measures.precision("float16"), tolerance=0.01, rounding=True),
    *(Check(f"shape {name}", measures.shape, ndim=ndim) for ndim, name in SHAPE_NAMES.items()),
)


@dataclass(frozen=True)
class Report:
    """All results for one subject.

    Attributes:
        subject: the layer.
        taken: the input shapes that it takes.
        exact: the tolerance in float64.
        results: one for each check.
        defects: what is wrong with how the layer keeps its tensors, as keys of `DEFECTS` in mistakes/mistakes.py.
    """

    subject: Subject
    taken: Accepted
    exact: float
    results: tuple[Result, ...]
    defects: tuple[str, ...]

    @property
    def failed(self) -> bool:
        return any(result.status == FAIL for result in self.results)


def run(subject: Subject, taken: Accepted, tolerance: float | None = None) -> Report:
    """Runs every check on a subject, which has to take at least one input shape.

    Args:
        subject: the layer.
        taken: the input shapes that it takes.
        tolerance: in float64; None: that of a layer that computes in float64, or in float32 where it shows that.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ndim = taken.shapes[0]
        exact = _tolerance(subject, ndim) if tolerance is None else tolerance
        defects = special.defects(subject, ndim)
        results = (
            *(_compare(check, subject, taken, exact) for check in CHECKS),
            special.gradcheck(subject, ndim, exact),
            special.batch_of_one(subject, taken.shapes, exact),
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
    """The tolerance of a coarse type. With 96 channels some small groups have nearly equal values: rounding grows."""
    return check.tolerance * (1 if width() == CHANNELS or check.offset else 10)


def _tolerance(subject: Subject, ndim: int) -> float:
    """The tolerance in float64: larger only for a sum in another order, or a layer that works in float32."""
    seen, reference = measures.training(subject.new, ndim), subject.reference

    def off(reference: Reference) -> float:
        return errors(seen, measures.training(ReferenceNew(reference), ndim))[1]

    rounded = EXACT < off(reference) < ROUNDED
    if rounded and reference.recipe and any(off(reference.by(eps=place)) <= EXACT for place in _ELSEWHERE):
        return EXACT  # not rounding, but a small ε in another place
    if rounded and off(reference) < FINE / 10:  # summed in another order
        return FINE
    return COARSE if rounded or _rounds_to_float32(subject, ndim) else EXACT


_ELSEWHERE = ("inside", "outside", "none", "twice", "subtracted", "clamped", "clamped outside")
"""Places of ε that are tried before an error is taken for rounding."""


def _rounds_to_float32(subject: Subject, ndim: int) -> bool:
    """Whether a layer rounds its input, or its output, to float32."""
    x = measures.draw(ndim)
    fine, coarse = (subject.new(ndim).forward(values, training=True) for values in (x, _in_float32(x)))
    return bool(np.array_equal(fine, coarse) or np.array_equal(fine, _in_float32(fine))) and subject.scheme != "none"


def _in_float32(values: Array) -> Array:
    return values.astype(np.float32).astype(np.float64)
