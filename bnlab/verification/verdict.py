"""Verifies a layer: runs its checks, and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from bnlab.errors import UserError, unknown
from bnlab.norms import SCHEMES
from bnlab.norms import SHAPES as SHAPE_NAMES
from bnlab.norms.keras_layers import is_installed as keras_installed
from bnlab.user_class.layer import load_class
from bnlab.verification.checks import FAIL, Verdict
from bnlab.verification.checks import subject as subjects
from bnlab.verification.checks.checks import run
from bnlab.verification.checks.subject import Accepted, Subject
from bnlab.verification.conventions import AUTO, Declared, named, nearest
from bnlab.verification.conventions.own_class import of_class
from bnlab.verification.lines import with_lines
from bnlab.verification.mistakes.diagnosis import diagnose
from bnlab.verification.reference import KNOWN
from bnlab.verification.reference.layers import wide

IMPLS = ("native", "custom", "keras")


def verify_target(
    target: str, scheme: str = AUTO, kwargs: Mapping[str, Any] | None = None, declared: Declared | None = None
) -> Verdict:
    """Loads the class `my_file.py:MyNorm` and verifies it in this process; sandbox.py does so in a separate one.

    Args:
        target: `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`.
        scheme, kwargs, declared: see `verify_class`.

    Raises:
        UserError: as `verify_class`; no such class, or one that cannot be loaded.
    """
    _check_scheme(scheme)
    return verify_class(load_class(target), scheme, kwargs, declared)


def verify_target_plainly(
    target: str, scheme: str, kwargs: Mapping[str, Any], declared: Mapping[str, Any]
) -> dict[str, Any]:
    """`verify_target` with plain values, to be called from another process; one thread, as the layers are small."""
    torch.set_num_threads(1)
    return verify_target(target, scheme, kwargs, Declared(**declared)).plain()


def verify_class(
    cls: type[nn.Module],
    scheme: str = AUTO,
    kwargs: Mapping[str, Any] | None = None,
    declared: Declared | None = None,
) -> Verdict:
    """Verifies a class in this process.

    Args:
        cls: the class.
        scheme: the scheme that it should compute; `auto` takes it from the class's name, or else takes the scheme whose
            output is nearest to the class's.
        kwargs: further arguments of its constructor.
        declared: what the user states about it.

    Raises:
        UserError: no such scheme, or a class that cannot be built or run.
    """
    _check_scheme(scheme)
    declared = declared or Declared()
    try:
        return _verified(cls, scheme, kwargs, declared)
    except UserError:
        if (found := _of_groups(cls, scheme, kwargs, declared)) is None:
            raise
        return found


OF_GROUPS = ("group", "evonorm_s0")
"""Schemes with groups of channels, whose number may be fixed inside the class."""


def _of_groups(
    cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any] | None, declared: Declared
) -> Verdict | None:
    """The verdict on inputs with 96 channels, which e.g. 32 groups divide; None if that does not help either."""
    asked = named(cls.__name__) if scheme == AUTO else scheme
    if asked not in (None, *OF_GROUPS):
        return None
    try:
        with wide():
            verdict = _verified(cls, scheme, kwargs, declared)
    except UserError:
        return None
    return verdict if verdict.scheme in OF_GROUPS else None


def _verified(cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any] | None, declared: Declared) -> Verdict:
    asked, remark = scheme, ""
    if scheme == AUTO:
        asked, remark = _scheme_of(cls, kwargs, declared)
    verdict = _verdict(of_class(cls, asked, kwargs, declared), remark)
    if verdict.failed:
        verdict = with_lines(verdict, cls, partial(_failures, scheme=asked, kwargs=kwargs, declared=declared))
    if not verdict.failed or (scheme == AUTO and named(cls.__name__) is None):
        return verdict
    return verdict.nearer_to(_other(cls, asked, kwargs, declared))


def _failures(cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any] | None, declared: Declared) -> int:
    """How many checks a class fails."""
    subject = of_class(cls, scheme, kwargs, declared)
    return sum(result.status == FAIL for result in run(subject, subjects.accepted(subject)).results)


def _check_scheme(scheme: str) -> None:
    if scheme == AUTO:
        return
    if scheme not in KNOWN:
        raise unknown("norm", scheme, [AUTO, *KNOWN])


def _scheme_of(cls: type[nn.Module], kwargs: Mapping[str, Any] | None, declared: Declared) -> tuple[str, str]:
    """Which scheme a class is compared with, and why, as a remark for the user."""
    if by_name := named(cls.__name__):
        return by_name, f"held to {KNOWN[by_name].title.lower()}, by its name; --as SCHEME asks for another"
    found = nearest.nearest(cls, kwargs, declared)
    if found is None:
        return "batch", "held to batch normalization, as it comes near to none; --as SCHEME asks for another"
    comes = "computes" if found[1] < nearest.EXACT else "comes nearest to"
    return found[0], f"held to {KNOWN[found[0]].title.lower()}, which it {comes}; --as SCHEME asks for another"


def _other(cls: type[nn.Module], asked: str, kwargs: Mapping[str, Any] | None, declared: Declared) -> str:
    """Which other scheme a class computes, in words; empty if its output is that of no other scheme."""
    found = nearest.nearest(cls, kwargs, declared)
    if found is None or found[0] == asked or found[1] >= nearest.EXACT:
        return ""
    title = KNOWN[found[0]].title.lower()
    return f"it computes {title}: --as {found[0]} holds it to that"


def verify_schemes(schemes: Iterable[str], impls: Iterable[str]) -> Iterator[Verdict]:
    """Verifies bnlab's own layers.

    Args:
        schemes: names of schemes.
        impls: of `IMPLS`; an impl that a scheme does not have is skipped.

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
        if scheme in KNOWN and scheme not in SCHEMES:
            raise UserError(f"bnlab has no {scheme} layer; hold a class to it: FILE.py:CLASS --as {scheme}")
        if scheme not in SCHEMES:
            raise unknown("norm", scheme, SCHEMES)
        for impl in impls:
            if impl in SCHEMES[scheme].impls:
                yield _verdict(subjects.of_scheme(scheme, impl))


def _is_refused(ndim: int, taken: Accepted) -> bool:
    return ndim not in taken.broken and not taken.refused[ndim].startswith("its output")


def _verdict(subject: Subject, remark: str = "") -> Verdict:
    taken = subjects.accepted(subject)
    if not taken.shapes:
        raise UserError(f"{subject.name} cannot be verified: {_refusals(taken)}")
    report = run(subject, taken)
    return Verdict(
        scheme=subject.scheme,
        name=subject.name,
        called=subject.called,
        settings=subject.reference.settings,
        remarks=(*filter(None, [remark]), *subject.remarks),
        conventions=subject.conventions,
        exact=report.exact,
        results=report.results,
        diagnoses=diagnose(report),
    )


def _refusals(taken: Accepted) -> str:
    """Why a layer takes no input: the first wrong output shape or exception, if there is one; else all refusals.

    A refusal says only that the layer does not take that number of dimensions.
    """
    telling = [ndim for ndim in taken.refused if not _is_refused(ndim, taken)]
    shapes: dict[str, list[str]] = {}
    for ndim in telling[:1] or taken.refused:
        shapes.setdefault(taken.refused[ndim].removeprefix(subjects.REFUSED), []).append(SHAPE_NAMES[ndim])
    return "; ".join(f"for {' and '.join(names)}, {why}" for why, names in shapes.items())
