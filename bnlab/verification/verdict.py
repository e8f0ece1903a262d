"""The verdict on a layer: its checks, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bnlab.errors import UserError, unknown
from bnlab.norms import SCHEMES
from bnlab.norms import SHAPES as SHAPE_NAMES
from bnlab.norms.keras_layers import is_installed as keras_installed
from bnlab.user_class.layer import load_class
from bnlab.verification.checks import Verdict
from bnlab.verification.checks import subject as subjects
from bnlab.verification.checks.checks import run
from bnlab.verification.checks.subject import Accepted, Subject
from bnlab.verification.mistakes import diagnose

IMPLS = ("native", "custom", "keras")


def verify_class(target: str, scheme: str, kwargs: Mapping[str, Any] | None = None) -> Verdict:
    """Verifies `my_file.py:MyNorm` as an implementation of a scheme, in this process; see sandbox.py.

    Args:
        target: the class.
        scheme: what it is to compute.
        kwargs: further arguments of its constructor.

    Raises:
        UserError: no such class or scheme, or a class that cannot be loaded, built or run.
    """
    if scheme not in SCHEMES:
        raise unknown("norm", scheme, SCHEMES)
    if SCHEMES[scheme].of_weights:
        raise UserError(f"norm '{scheme}' is of a layer's weights; a class can be held against one of activations only")
    return _verdict(subjects.of_class(load_class(target), scheme, kwargs))


def verify_class_plainly(target: str, scheme: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The same as plain values, for another process."""
    return verify_class(target, scheme, kwargs).plain()


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


def _is_refused(ndim: int, taken: Accepted) -> bool:
    return ndim not in taken.broken and not taken.refused[ndim].startswith("its output")


def _verdict(subject: Subject) -> Verdict:
    taken = subjects.accepted(subject)
    if not taken.shapes:
        # a wrong shape or a fault says more than a layer's refusal of another number of dimensions
        ndim = min(taken.refused, key=lambda ndim: _is_refused(ndim, taken))
        raise UserError(f"{subject.name} cannot be verified: for {SHAPE_NAMES[ndim]}, {taken.refused[ndim]}")
    report = run(subject, taken)
    return Verdict(
        scheme=subject.scheme,
        name=subject.name,
        called=subject.called,
        settings=subject.reference.settings,
        remarks=subject.remarks,
        exact=report.exact,
        results=report.results,
        diagnoses=diagnose(report),
    )
