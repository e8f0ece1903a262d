"""Verifies a layer: runs its checks, and says what is wrong with it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from bnlab.errors import UserError, unknown
from bnlab.norms import SCHEMES
from bnlab.norms import SHAPES as SHAPE_NAMES
from bnlab.norms.keras_layers import is_installed as keras_installed
from bnlab.user_class.layer import load_class, parameters_of
from bnlab.verification.checks import EXACT, FAIL, NO_SWITCH, ROUNDED, Result, Verdict
from bnlab.verification.checks import subject as subjects
from bnlab.verification.checks.checks import Report, run
from bnlab.verification.checks.special import switches
from bnlab.verification.checks.subject import Accepted, Subject
from bnlab.verification.conventions import AUTO, Declared, named, nearest
from bnlab.verification.conventions.own_class import of_class
from bnlab.verification.conventions.stand_ins import BATCH_SIZES
from bnlab.verification.lines import with_lines
from bnlab.verification.mistakes.diagnosis import Explanation, diagnose, diagnose_fault, explain
from bnlab.verification.reference import KNOWN
from bnlab.verification.reference.layers import EQUAL_SHAPES, SHAPES, VOLUMES, WIDE_SHAPES, with_shapes

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
    verify = partial(_verified, cls, scheme, declared=declared or Declared())
    try:
        return verify(kwargs)
    except UserError as error:
        refused = error
    for shapes, more in _other_ways(cls, scheme, kwargs or {}):
        try:
            with with_shapes(shapes):
                return verify({**(kwargs or {}), **more})
        except UserError:
            continue
    if isinstance(refused, NothingTakenError) and (scheme != AUTO or named(cls.__name__)):
        return _verdict_on_fault(refused)
    raise refused


OF_GROUPS = ("group", "evonorm_s0")
"""Schemes with groups of channels, whose number may be fixed inside the class."""


class NothingTakenError(UserError):
    """A layer takes no input.

    Attributes:
        subject: the layer.
        taken: the reasons.
    """

    def __init__(self, subject: Subject, taken: Accepted) -> None:
        super().__init__(f"{subject.name} cannot be verified: {_refusals(taken)}")
        self.subject, self.taken = subject, taken


def _other_ways(
    cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any]
) -> Iterator[tuple[Mapping[int, tuple[int, ...]], dict[str, int]]]:
    """Other shapes of inputs, and further arguments, for a class that takes no usual input.

    The shapes have a fixed number of samples, 96 channels, which e.g. 32 groups divide, or volumes.
    """
    for name in parameters_of(cls):
        if name in BATCH_SIZES and name not in kwargs:
            yield SHAPES, {name: SHAPES[4][0]}
    asked = named(cls.__name__) if scheme == AUTO else scheme
    if asked in (None, *OF_GROUPS):
        yield WIDE_SHAPES, {}
    yield VOLUMES, {}


def _verdict_on_fault(refused: NothingTakenError) -> Verdict:
    """The verdict on a class that is at fault for taking no input; raises what refused it if it is not.

    It is if it raises, or returns, what has nothing to do with the number of dimensions, or if it runs where all axes
    of the input have one length.
    """
    subject, taken = refused.subject, refused.taken
    told = {ndim for ndim in taken.refused if ndim in taken.broken or taken.refused[ndim].startswith("its output")}
    with with_shapes(EQUAL_SHAPES):
        equal = set() if told else set(subjects.accepted(subject).shapes)
    if not told | equal or _asks_for_more(module := subject.build(max(told | equal))):
        raise refused
    results = tuple(
        Result(f"shape {SHAPE_NAMES[ndim]}", FAIL, note=f"{'' if why.startswith('its output') else 'raises '}{why}")
        for ndim, why in taken.refused.items()
        if ndim in told | equal
    )
    defects = [] if switches(module) else [NO_SWITCH]
    return Verdict(
        scheme=subject.scheme,
        name=subject.name,
        called=subject.called,
        settings=subject.reference.settings,
        remarks=subject.remarks,
        conventions=subject.conventions,
        exact=EXACT,
        results=results,
        diagnoses=diagnose_fault(defects, results[0].note, axes_mistaken=bool(equal)),
    )


def _asks_for_more(module: nn.Module) -> bool:
    """Whether the layer's `forward` needs more than x."""
    parameters = inspect.signature(module.forward).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return sum(each.default is each.empty and each.kind not in several for each in parameters) != 1


def _verified(cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any] | None, *, declared: Declared) -> Verdict:
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
    report, _ = _explained(subject, subjects.accepted(subject))
    return sum(result.status == FAIL for result in report.results)


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
        raise NothingTakenError(subject, taken)
    report, explanation = _explained(subject, taken)
    subject = report.subject
    return Verdict(
        scheme=subject.scheme,
        name=subject.name,
        called=subject.called,
        settings=subject.reference.settings,
        remarks=(*filter(None, [remark]), *subject.remarks),
        conventions=subject.conventions,
        exact=report.exact,
        results=report.results,
        diagnoses=diagnose(report, explanation),
    )


def _explained(subject: Subject, taken: Accepted) -> tuple[Report, Explanation]:
    """The report on a layer with what explains its wrong numbers; held to the conventions that are among that."""
    report = run(subject, taken)
    explanation = explain(report)
    if explanation.beyond is not None and report.exact == EXACT:  # a constant in float32 beside a mistake?
        rounded = run(subject, taken, ROUNDED)
        if (explained := explain(rounded)).found and explained.beyond is None:
            report, explanation = rounded, explained
    if meant := explanation.meant_for(taken, may_be_of_tokens=_may_be_of_tokens(subject)):
        others = {ndim: f"{subjects.REFUSED}it is meant for other inputs" for ndim in taken.shapes if ndim not in meant}
        return _explained(subject, Accepted(meant, {**taken.refused, **others}, taken.broken))
    if not (conventions := explanation.conventions):
        return report, explanation
    for each in conventions:
        subject = subject.following(each.name, subject.reference.by(**each.change))
    report = run(subject, taken)
    return report, explain(report)


def _may_be_of_tokens(subject: Subject) -> bool:
    """Whether a layer may be for tokens alone, though it takes other inputs: nothing in it tells which they are.

    One for (N, L, C) whose statistics are of each feature takes images too; and one without a parameter for each
    feature takes anything.
    """
    recipe = subject.reference.recipe
    if subject.channels_last:
        return recipe is not None and recipe.channels == "channel"
    return not subject.reference.has_values_per_feature


def _refusals(taken: Accepted) -> str:
    """Why a layer takes no input: the first wrong output shape or exception, if there is one; else all refusals.

    A refusal says only that the layer does not take that number of dimensions.
    """
    telling = [ndim for ndim in taken.refused if not _is_refused(ndim, taken)]
    shapes: dict[str, list[str]] = {}
    for ndim in telling[:1] or taken.refused:
        shapes.setdefault(taken.refused[ndim].removeprefix(subjects.REFUSED), []).append(SHAPE_NAMES[ndim])
    return "; ".join(f"for {' and '.join(names)}, {why}" for why, names in shapes.items())
