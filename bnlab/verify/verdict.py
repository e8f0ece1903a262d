"""The verdict on a layer: its checks, and what is wrong with it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bnlab.custom_class import load_class
from bnlab.errors import UserError, unknown
from bnlab.norms import SCHEMES
from bnlab.norms import SHAPES as SHAPE_NAMES
from bnlab.norms.keras_layers import is_installed as keras_installed
from bnlab.time_limit import TimeLimitError, time_limit
from bnlab.verify import subject as subjects
from bnlab.verify.checks import Report, run
from bnlab.verify.diagnose import Diagnosis, diagnose
from bnlab.verify.subject import Subject

IMPLS = ("native", "custom", "keras")


@dataclass(frozen=True)
class Verdict:
    """The checks of one subject, and what is wrong with it."""

    report: Report
    diagnoses: tuple[Diagnosis, ...]


def verify_class(target: str, scheme: str, seconds: float) -> Verdict:
    """Verifies `my_file.py:MyNorm` as an implementation of a scheme.

    Raises:
        UserError: no such class or scheme, a class that cannot be loaded, built or run, or that takes too long.

    What the class prints is dropped.
    """
    if scheme not in SCHEMES:
        raise unknown("norm", scheme, SCHEMES)
    if SCHEMES[scheme].of_weights:
        raise UserError(f"norm '{scheme}' is of a layer's weights; a class can be held against one of activations only")
    with contextlib.redirect_stderr(io.StringIO()):
        layer_class = load_class(target, seconds)
    try:
        with time_limit(seconds), contextlib.redirect_stdout(io.StringIO()):
            return _verdict(subjects.of_class(layer_class, scheme))
    except TimeLimitError:
        raise UserError(
            f"{target} was not done after {seconds:g} s, an endless loop perhaps; if it is only slow, raise"
            " --time-limit"
        ) from None


def verify_schemes(schemes: Iterable[str], impls: Iterable[str]) -> Iterator[Verdict]:
    """Verifies bnlab's layers.

    Raises:
        UserError: unknown scheme or impl, or Keras is not installed.
    """
    impls = tuple(impls)
    for impl in impls:
        if impl not in IMPLS:
            raise unknown("impl", impl, IMPLS)
    if "keras" in impls and not keras_installed():
        raise UserError("norm.impl=keras needs Keras: pip install 'bnlab[keras]'")
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise unknown("norm", scheme, SCHEMES)
        for impl in impls:
            if impl in SCHEMES[scheme].impls:
                yield _verdict(subjects.of_scheme(scheme, impl))


def _verdict(subject: Subject) -> Verdict:
    taken = subjects.accepted(subject)
    if not taken.shapes:
        # a wrong shape says more than a layer's refusal of another number of dimensions
        ndim = min(taken.refused, key=lambda ndim: not taken.refused[ndim].startswith("its output"))
        raise UserError(f"{subject.name} cannot be verified: for {SHAPE_NAMES[ndim]}, {taken.refused[ndim]}")
    report = run(subject, taken)
    return Verdict(report, diagnose(report))
