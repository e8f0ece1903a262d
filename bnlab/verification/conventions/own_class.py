"""Turns a user's class into a `Subject`: how it is called, its settings, and the conventions it follows.

Each step gives the reference a choice that the class has made. Any difference that is left is a mistake.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnlab.errors import UserError, one_line
from bnlab.user_class.layer import SETTING_NAMES, arguments, count_of, parameters_of
from bnlab.verification.checks import ROUNDED, errors, measures
from bnlab.verification.checks.subject import Subject, accepted, linear, listed
from bnlab.verification.conventions.behaviour import BOUNDS, behaving, with_ghosts, with_schedule
from bnlab.verification.conventions.convention import Declared
from bnlab.verification.conventions.stand_ins import stand_in
from bnlab.verification.conventions.structure import BY_POSITION, structured, with_own_start
from bnlab.verification.reference import Values, reference_of
from bnlab.verification.reference.layers import CHANNELS, WIDE, ReferenceNew, of_volumes, width

USUAL = {
    "num_groups": (2, 3, 32, 16, 8, 4),
    "eps": (1e-5, 1e-3, 1e-6, 1e-8, 1e-7, 1e-12, 1e-4, 1e-2, 1e-10, float(np.finfo(np.float64).eps)),
    "momentum": (0.1, 0.01, 0.001, 0.05, 0.2, 0.5),
    "virtual_batch_size": (4, 2),
    "iterations": (5, 4, 3, 7, 9, 10),
}
"""Usual values of settings, tried in this order for a class that does not take the setting. Momentum is the weight of
the new batch. One group of all channels or one per channel is left out: that is layer or instance normalization."""

DIMENSIONS = ("num_dims", "n_dims", "dims", "ndims", "ndim", "dim")
"""Names of a constructor's argument for the number of dimensions of the input, as in d2l.ai's BatchNorm."""

SWITCHES = ("affine", "elementwise_affine", "bias", "use_bias", "training", "track_running_stats", "channels_last")
"""Arguments that are set to True if the constructor requires them."""

FAR = 0.1
"""If even the best value of eps leaves the output this far off, eps cannot be told from the output."""


def of_class(
    cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any] | None = None, declared: Declared | None = None
) -> Subject:
    """A user's class as an implementation of a scheme, built as `cls(num_features, eps=..., momentum=...)`.

    A setting that its constructor does not take is read from the layer's attributes. If it is not there either, the
    usual value that fits the layer's output best is assumed.

    Args:
        cls: the class.
        scheme: the scheme that it should compute.
        kwargs: further arguments of its constructor, or other values for its settings.
        declared: what the user states about it.

    Raises:
        UserError: the constructor needs other arguments or raises; `kwargs` has an argument that it does not take, or
            a setting that is not a number.
    """
    declared = declared or Declared()
    if reference_of(scheme).of_weights:
        return _of_weights(cls, scheme, dict(kwargs or {}))
    reference, given = reference_of(scheme), dict(kwargs or {})
    settings = dict(reference.settings)
    if scheme == "ghost_batch" and set(SETTING_NAMES["num_splits"]) & set(parameters_of(cls)):
        settings = {name: value for name, value in settings.items() if name != "virtual_batch_size"}
        settings["num_splits"] = 2
    takes = _by_their_names(cls, settings)
    given = {name: settings[setting] for name, setting in takes.items()} | given
    for switch in ("affine", "elementwise_affine"):
        if declared.affine is not None and switch in parameters_of(cls):
            given[switch] = declared.affine
    settings |= {setting: _number(name, given[name]) for name, setting in takes.items()}
    if width() % settings.get("num_groups", 1):
        raise UserError(f"num_groups={settings['num_groups']:g} does not divide the {width()} channels of the checks")
    build, called = _call(cls, given, settings)
    # One group of all channels is as good as no groups.
    fixed = [name for name in USUAL if settings.get(name, 1) != 1 and name not in takes.values()]
    module = _tried(build, called, fixed)
    settings |= _rounded(module, {setting: settings[setting] for setting in takes.values()})
    subject = Subject(cls.__name__, called, scheme, replace(reference, settings=settings), build, file=_file(cls))
    subject = _narrowed(structured(subject, declared, given))
    if scheme == "batch_renorm":
        subject = with_schedule(subject, takes_bounds=bool(set(BOUNDS) & set(takes.values())))
    unknown = []
    for setting in fixed:
        value = _kept(module, setting)
        if value is None:
            unknown.append(setting)
        else:
            subject = _with(subject, setting, value)
            remark = f"its constructor takes no {setting}: {value:g} is read from the layer"
            subject = replace(subject, remarks=(*subject.remarks, remark))
    subject = _narrowed(subject)
    if "num_groups" in unknown and not (taken := accepted(subject)).shapes:
        raise UserError(f"{called} cannot be run: {taken.refused[max(taken.refused)]}{_OF_GROUPS}")
    for setting in (name for name in unknown if name != "momentum"):
        subject = _assume(subject, setting)
    subject = behaving(
        subject,
        declared,
        takes_momentum="momentum" in takes.values(),
        usual_momentum=_kept(module, "momentum") if "momentum" in fixed else _default(cls, takes, "momentum"),
    )
    if "momentum" in unknown and "average over all batches" not in subject.conventions:
        subject = _assume(subject, "momentum")
    return with_own_start(with_ghosts(subject))


def _of_weights(cls: type[nn.Module], scheme: str, given: dict[str, Any]) -> Subject:
    """For schemes that normalize weights: a layer, `class WSConv2d(nn.Conv2d)`, or a wrapper, `CLASS(layer)`."""
    kinds = {2: nn.Linear, 3: nn.Conv1d, 4: nn.Conv2d}
    own = [ndim for ndim, kind in kinds.items() if issubclass(cls, kind)]
    taken = [name for name, each in parameters_of(cls).items() if each.kind != each.VAR_KEYWORD]
    if not own and any(map(_INPUTS.fullmatch, taken)) and any(map(_OUTPUTS.fullmatch, taken)):
        convolves = "kernel_size" in taken or "conv" in cls.__name__.lower()
        own = [2 if not convolves else 3 if "1d" in cls.__name__.lower() else 4]
    several = any(each.kind == each.VAR_POSITIONAL for each in parameters_of(cls).values())
    if own and own[0] > 2 and len(taken) < len(("in", "out", "kernel_size")) and not several:
        raise UserError(f"{cls.__name__} takes no kernel_size: a convolution is verified with a kernel of one pixel")

    sizes = {name: given.pop(name) for name in list(given) if own and _is_of_size(name)}

    def build(ndim: int) -> nn.Module:
        layer = linear(ndim)
        if not own:
            return cls(layer, **given)
        if ndim not in own:
            raise ValueError(f"{cls.__name__} is a layer for inputs of another number of dimensions")
        without = {name: off for name, off in {"bias": False, "padding": 0}.items() if name in taken}
        module = cls(CHANNELS, CHANNELS, *() if ndim == 2 else (1,), **without, **given)
        return _with_weight(module, layer.get_parameter("weight"))

    arguments = f"{CHANNELS}, {CHANNELS}, ..." if own else "layer"
    called = f"{cls.__name__}({', '.join(filter(None, [arguments, listed(given)]))})"
    _tried(lambda _: build(own[0] if own else 2), called, ())
    remarks = (
        (f"{listed(sizes)} left out: the checks have {CHANNELS} units and a kernel of one pixel",) if sizes else ()
    )
    subject = Subject(cls.__name__, called, scheme, reference_of(scheme), build, remarks, file=_file(cls))
    if own and scheme == "weight_norm":
        subject = _with_unit_gain(subject, own[0])
    if own and scheme == "weight_standardization":
        subject = _with_gain(subject, own[0])
    return _assume(subject, "eps") if "eps" in subject.reference.settings else subject


_INPUTS = re.compile(r"(n_?|num_)?in(puts?)?(_?(features|channels|chs?|dims?|size|planes|units))?")
_OUTPUTS = re.compile(r"(n_?|num_)?out(puts?)?(_?(features|channels|chs?|dims?|size|planes|units))?")


def _is_of_size(name: str) -> bool:
    """Whether an argument of a layer's constructor is a size, which the checks decide."""
    return bool(_INPUTS.fullmatch(name) or _OUTPUTS.fullmatch(name) or name == "kernel_size")


def _with_weight(module: nn.Module, weight: Tensor) -> nn.Module:
    """Gives a layer this weight and a bias of 0; a g that was the length of the weight's rows is set to it again."""
    with torch.no_grad():
        state = dict(module.named_parameters())
        old = next((value.clone() for value in state.values() if value.shape == weight.shape), weight)
        lengths = [each.flatten(1).norm(dim=1) for each in (old, weight)]
        for name, value in state.items():
            if value.shape == weight.shape:
                value.copy_(weight)
            elif name.rpartition(".")[2] in ("bias", "b", "beta"):
                value.zero_()
            elif value.numel() == len(weight) and torch.allclose(value.reshape(-1), lengths[0]):
                value.copy_(lengths[1].reshape(value.shape))
    return module


def _with_unit_gain(subject: Subject, ndim: int) -> Subject:
    """For weight normalization: a g that starts at 1, whatever the length of v."""
    layer = subject.new(ndim, drawn=False)
    if np.any(layer.parameters().get("original0", np.zeros(1)) != 1):
        return subject
    initial = {**subject.reference.initial, "original0": np.ones((CHANNELS, 1))}
    return subject.following("g that starts at 1", replace(subject.reference, initial=initial))


def _with_gain(subject: Subject, ndim: int) -> Subject:
    """For weight standardization: a learned factor of each unit's ŵ."""
    reference = subject.reference
    with_gain = replace(reference, initial={"gain": np.ones(CHANNELS), **reference.initial})
    start = replace(subject, reference=with_gain).new(ndim, drawn=False).parameters().get("gain")
    if start is None:
        return subject
    return subject.following("gain of each unit", replace(with_gain, initial={"gain": start, **reference.initial}))


def _call(
    cls: type[nn.Module], given: dict[str, Any], settings: Mapping[str, Any]
) -> tuple[Callable[[int], nn.Module], str]:
    """A function that makes the layer for inputs of `ndim` dimensions, and the call as text."""
    count = count_of(cls, given)
    parameters = [each for name, each in parameters_of(cls).items() if name != count]
    named = [each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    asked = [name for name in named if parameters_of(cls)[name].default is inspect.Parameter.empty]
    of_ndim = [name for name in asked if name in DIMENSIONS and name not in given]
    stand_ins = {name: stand_in(name, settings) for name in asked if name not in given}
    given = {name: value for name, value in stand_ins.items() if value is not None} | given
    given = {name: True for name in asked if name in SWITCHES} | dict.fromkeys(of_ndim, 2) | given
    args, others = arguments(cls, width(), given, "--kwargs")
    called = f"{cls.__name__}({', '.join([*map(str, args), *filter(None, [listed(others)])])})"

    def build(ndim: int) -> nn.Module:
        return cls(*args, **{**others, **dict.fromkeys(of_ndim, 5 if of_volumes() else ndim)})

    return build, called


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float):
        raise UserError(f"--kwargs {name}={value} is of the wrong type; it is a setting of the scheme, a number")
    return value


def _rounded(module: nn.Module, settings: Mapping[str, Any]) -> dict[str, float]:
    """The settings that a layer keeps as tensors, with their values there, which are rounded to float32."""
    found: dict[str, float] = {}
    for setting, given in settings.items():
        kept = [getattr(module, name, None) for name in SETTING_NAMES.get(setting, (setting,))]
        values = [float(each.detach()) for each in kept if isinstance(each, Tensor) and each.numel() == 1]
        for value in values:
            if abs(value - given) < ROUNDED * abs(given):
                found[setting] = value
    return found


def _file(cls: type[nn.Module]) -> Path | None:
    try:
        return Path(inspect.getsourcefile(cls) or "")
    except (OSError, TypeError):
        return None


def _default(cls: type[nn.Module], takes: Mapping[str, str], setting: str) -> float | None:
    """The constructor's default value of a setting; None if it has none."""
    names = [name for name, taken in takes.items() if taken == setting]
    defaults = [parameters_of(cls)[name].default for name in names]
    return next((float(value) for value in defaults if isinstance(value, int | float)), None)


def _kept(module: nn.Module, setting: str) -> float | None:
    """The value of a setting in the layer's attributes; None if there is none, or no valid number of groups."""
    values = [getattr(module, name, None) for name in SETTING_NAMES[setting]]
    values = [value.item() if isinstance(value, Tensor) and value.numel() == 1 else value for value in values]
    numbers = [value for value in values if isinstance(value, int | float)]
    return next((n for n in numbers if setting != "num_groups" or (n >= 1 and width() % n == 0)), None)


def _narrowed(subject: Subject) -> Subject:
    """The subject, in float32 if the layer takes float64 in no shape."""
    narrow = replace(subject, widest="float32", remarks=(*subject.remarks, "takes float32 only"))
    return narrow if not accepted(subject).shapes and accepted(narrow).shapes else subject


def _by_their_names(cls: type[nn.Module], settings: Mapping[str, Any]) -> dict[str, str]:
    """For each parameter of the constructor that takes a setting, which setting."""
    names = {alias: setting for setting in settings for alias in SETTING_NAMES.get(setting, (setting,))}
    return {name: names[name] for name in parameters_of(cls) if name in names}


_OF_GROUPS = (
    f"; a number of groups that __init__ does not take has to divide the {CHANNELS} or {WIDE} channels of the checks"
)


def _tried(build: Callable[[int], nn.Module], call: str, fixed: Collection[str]) -> nn.Module:
    try:
        return build(2)
    except (Exception, SystemExit) as error:
        more = _OF_GROUPS if "num_groups" in fixed else ""
        raise UserError(f"{call} cannot be built: {one_line(error)}{more}") from error


def _with(subject: Subject, setting: str, value: float) -> Subject:
    reference = replace(subject.reference, settings={**subject.reference.settings, setting: value})
    return replace(subject, reference=reference)


def _seen(measure: measures.Measure, subject: Subject, ndim: int) -> Values:
    """What a measure gives for the layer; empty if the layer raises, which a check reports."""
    try:
        return measure(subject.new, ndim)
    except (Exception, SystemExit):
        return {}


_TELLING: Mapping[str, measures.Measure] = {
    "num_groups": measures.training,
    "virtual_batch_size": measures.training,
    "eps": measures.near_eps,
    "momentum": measures.momentum,
    "iterations": measures.training,
}
"""The measure from which the value of a setting can be told."""


def _assume(subject: Subject, setting: str) -> Subject:
    """The subject with the usual value of a setting at which the reference is nearest to the layer."""
    shapes = accepted(subject).shapes
    if not shapes:
        return subject
    seen = _seen(_TELLING[setting], subject, shapes[0])
    distance = partial(_distance, subject, setting, seen, shapes[0])
    usual = [value for value in USUAL[setting] if setting != "num_groups" or width() % value == 0]
    best = min(usual, key=distance)
    if setting == "eps" and distance(best) > FAR:  # its effect is small beside the mistake's
        best = usual[0]
    if setting == "momentum" and distance(best) > FAR * best:  # it does not act as a momentum in training
        best = usual[0]
    remark = f"its constructor takes no {setting}: {best:g} is assumed"
    remarks, assumed = (*subject.remarks, remark), subject.assumed | {setting}
    found = replace(_with(subject, setting, best), remarks=remarks, assumed=assumed)
    return _with_eps_of_float32(found, shapes[0]) if setting == "eps" else found


def _with_eps_of_float32(subject: Subject, ndim: int) -> Subject:
    """The subject with an ε of its own in float32, as programs have that are meant for float16 too."""
    measure = measures.precision("float32")
    seen = _seen(measure, subject, ndim)

    def off(subject: Subject) -> float:
        return min(errors(seen, measure(each, ndim))[1] for each in _ways(subject, ndim))

    if not seen or off(subject) <= ROUNDED:
        return subject
    eps = subject.reference.settings["eps"]
    ways = {value: _with(subject, "eps_in_float32", value) for value in USUAL["eps"]}
    best = min(ways, key=lambda value: off(ways[value]))
    if off(ways[best]) > ROUNDED:
        return subject
    return replace(ways[best], remarks=(*subject.remarks, f"eps is {best:g} in float32, and {eps:g} in float64"))


def _distance(subject: Subject, setting: str, seen: Values, ndim: int, value: float) -> float:
    """The largest difference to the reference with that value, in the nearest of `_ways`."""
    measured = [_TELLING[setting](each, ndim) for each in _ways(_with(subject, setting, value), ndim)]
    gaps = [[float(np.abs(seen[key] - each[key]).max()) for key in each if key in seen] for each in measured]
    return min((max(gap) for gap in gaps if gap), default=np.inf)


def _ways(subject: Subject, ndim: int) -> list[ReferenceNew]:
    """The reference with each place of ε, kind of variance, divisor and set of axes that a class may well have."""
    reference = subject.reference
    places = _PLACES_IN_FORMULA if reference.recipe is None else _PLACES
    spaces = _SPACES if ndim > 2 and subject.scheme in BY_POSITION else _SPACES[:1]
    choices = product(places, _VARIANCES, _DIVISORS, spaces)
    ways = [{**place, **variance, **divisor, **space} for place, variance, divisor, space in choices]
    return [ReferenceNew(reference.by(**way) if way else reference) for way in ways]


_PLACES: tuple[dict[str, str], ...] = ({"eps": "inside"}, {"eps": "outside"})
_PLACES_IN_FORMULA: tuple[dict[str, str], ...] = ({}, {"place": "inside"})
_VARIANCES: tuple[dict[str, str], ...] = ({}, {"variance": "unbiased"})
_DIVISORS: tuple[dict[str, str], ...] = ({}, {"divisor": "variance"})
_SPACES: tuple[dict[str, str], ...] = ({}, {"space": "none"})
