"""What is verified: a scheme's layer by one of its impls, or a user's class."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from bnlab.errors import UserError, one_line
from bnlab.norms import SCHEMES, keras_layers
from bnlab.user_class.layer import SETTING_NAMES, arguments
from bnlab.verification.checks import measures
from bnlab.verification.reference import WEIGHT, Reference, Values, reference_of
from bnlab.verification.reference.layers import CHANNELS, SHAPES, Layer, New, ReferenceLayer, TorchLayer

USUAL = {
    "num_groups": tuple(groups for groups in range(2, CHANNELS) if CHANNELS % groups == 0),
    "eps": (1e-5, 1e-3, 1e-6, 1e-8, 1e-7, 1e-12),
    "momentum": (0.1, 0.01, 0.001, 0.05),
}
"""What a class may have instead of a setting, to be found in this order. Of a momentum, the weight of the new batch; of
groups, what is neither layer nor instance normalization."""

KERAS_STORES = {"batch": {"stored": "biased"}}
"""Where Keras differs by its documented convention: it is held against that."""

KERAS_REMARKS = {"batch": ("held to Keras's convention, a biased moving variance; its momentum is given as 1 − m",)}

KERAS_DEVIATES = {
    "offset": "Keras on torch takes E[x²] − μ² for the variance (keras.ops.moments), which cancels",
}
"""What Keras does less exactly, by its own account in the source."""


@dataclass(frozen=True)
class Subject:
    """A layer to verify.

    Attributes:
        name: the impl, or the class.
        called: the settings, or the call that makes it.
        scheme: what it is to compute.
        reference: that scheme, at the settings that the layer has.
        build: makes the module for inputs of `ndim` dimensions; raises ValueError where there is none.
        remarks: what was assumed about it, in words; `assumed`: of which settings.
        deviations: how the names of checks begin that it is known to fail, and why: they are shown as warnings.
        widest: the largest type that it takes; what would be float64 is done in this one.
        dtype_at_build: `build` takes `dtype`, because the module cannot be cast later.
    """

    name: str
    called: str
    scheme: str
    reference: Reference
    build: Callable[..., nn.Module]
    remarks: tuple[str, ...] = ()
    assumed: frozenset[str] = frozenset()
    deviations: Mapping[str, str] = field(default_factory=dict)
    widest: str = "float64"
    dtype_at_build: bool = False

    def new(self, ndim: int, dtype: str = "float64", drawn: bool = True) -> Layer:
        """A fresh layer; see `layers.New`."""
        dtype = self.widest if dtype == "float64" else dtype
        kwargs = {"dtype": dtype} if self.dtype_at_build else {}
        return TorchLayer(lambda: self.build(ndim, **kwargs), self.reference.on(ndim), dtype, draw=drawn)


def reference_new(reference: Reference) -> New:
    """`Subject.new` for the reference itself."""

    def new(ndim: int, dtype: str = "float64", drawn: bool = True) -> Layer:
        return ReferenceLayer(reference.on(ndim), dtype, draw=drawn)

    return new


def of_scheme(scheme: str, impl: str) -> Subject:
    """The subject for `norm=SCHEME norm.impl=IMPL`; the impl `keras` is that of `keras_layers`."""
    reference = reference_of(scheme)
    settings = dict(reference.settings)
    called = _listed(settings)
    if impl == "keras":
        if scheme in KERAS_STORES:
            reference = reference.by(**KERAS_STORES[scheme])

        def keras(ndim: int, dtype: str) -> nn.Module:
            return keras_layers.build(scheme, CHANNELS, ndim, dtype, **settings)

        remarks = KERAS_REMARKS.get(scheme, ())
        return Subject(
            "keras", called, scheme, reference, keras, remarks, deviations=KERAS_DEVIATES, dtype_at_build=True
        )

    def build(ndim: int) -> nn.Module:
        return SCHEMES[scheme].build(impl, CHANNELS, ndim, **settings)

    def reparametrized(ndim: int) -> nn.Module:
        layer = _linear(ndim)
        SCHEMES[scheme].reparametrize(impl, layer, **settings)
        return layer

    return Subject(impl, called, scheme, reference, reparametrized if reference.of_weights else build)


def _linear(ndim: int) -> nn.Module:
    """The layer that a scheme of weights is tried on: linear, or a convolution with a kernel of one pixel."""
    layers: dict[int, Callable[[], nn.Linear | nn.Conv1d | nn.Conv2d]] = {
        2: lambda: nn.Linear(CHANNELS, CHANNELS, bias=False),
        3: lambda: nn.Conv1d(CHANNELS, CHANNELS, 1, bias=False),
        4: lambda: nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False),
    }
    layer = layers[ndim]()
    layer.weight.data = torch.tensor(WEIGHT, dtype=torch.float32).reshape(layer.weight.shape)
    return layer


def of_class(cls: type[nn.Module], scheme: str, kwargs: Mapping[str, Any] | None = None) -> Subject:
    """A user's class as an implementation of a scheme, built as `cls(num_features, eps=..., momentum=...)`.

    `kwargs` are further arguments of its constructor, or other values of these. Settings that its constructor does not
    take are read from the layer's attributes; failing that, the usual value that fits best is taken for what is written
    inside.

    Raises:
        UserError: the constructor needs other arguments or raises; `kwargs` has another one, or no number for a
            setting.
    """
    reference = reference_of(scheme)
    settings, remarks = dict(reference.settings), []
    takes = _by_their_names(cls, settings)
    given = {name: settings[setting] for name, setting in takes.items()} | dict(kwargs or {})
    settings |= {setting: _number(name, given[name]) for name, setting in takes.items()}
    args, named = arguments(cls, CHANNELS, given, "--kwargs")
    called = f"{cls.__name__}({', '.join([*map(str, args), *filter(None, [_listed(named)])])})"

    def build(ndim: int) -> nn.Module:
        return cls(*args, **named)

    fixed = [name for name in USUAL if name in settings and name not in takes.values()]
    module = _tried(build, called, fixed)
    unknown = []
    for setting in fixed:
        value = _kept(module, setting)
        if value is None:
            unknown.append(setting)
        else:
            settings[setting] = value
            remarks.append(f"its constructor takes no {setting}: {value:g} is read from the layer")
    subject = Subject(cls.__name__, called, scheme, replace(reference, settings=settings), build, tuple(remarks))
    subject = _narrowed(subject)
    if "momentum" in fixed and "momentum" not in unknown:
        subject = _by_its_weight(subject)
    if "num_groups" in unknown and not (taken := accepted(subject)).shapes:
        raise UserError(f"{called} cannot be run: {taken.refused[2]}{_OF_GROUPS}")
    for setting in unknown:
        subject = _assume(subject, setting)
    return subject


def _by_its_weight(subject: Subject) -> Subject:
    """With 1 − m for a momentum m that is read from the layer, where it is the weight of the old value, as in Keras."""
    kept, shapes = subject.reference.settings["momentum"], accepted(subject).shapes
    weight = _seen(measures.momentum, subject, shapes[0]).get("momentum") if shapes else None
    if weight is None or not np.abs(weight - (1 - kept)).max() < 1e-4 <= np.abs(weight - kept).max():
        return subject
    settings = {**subject.reference.settings, "momentum": 1 - kept}
    remark = f"{kept:g} is the weight of the old value, which is Keras's convention: by PyTorch's it is {1 - kept:g}"
    return replace(subject, reference=replace(subject.reference, settings=settings), remarks=(*subject.remarks, remark))


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float):
        raise UserError(f"--kwargs {name}={value} is of the wrong type; it is a setting of the scheme, a number")
    return value


def _kept(module: nn.Module, setting: str) -> float | None:
    """The value of an attribute of the layer; no number of groups that the channels cannot be divided into."""
    values = [getattr(module, name, None) for name in SETTING_NAMES[setting]]
    numbers = [value for value in values if isinstance(value, int | float)]
    return next((n for n in numbers if setting != "num_groups" or (n >= 1 and CHANNELS % n == 0)), None)


def _narrowed(subject: Subject) -> Subject:
    """In float32, if the layer takes no float64 in any shape."""
    narrow = replace(subject, widest="float32", remarks=(*subject.remarks, "takes float32 only"))
    return narrow if not accepted(subject).shapes and accepted(narrow).shapes else subject


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _by_their_names(cls: type[nn.Module], settings: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a constructor that take a setting, and which."""
    names = {alias: setting for setting in settings for alias in SETTING_NAMES.get(setting, (setting,))}
    return {name: names[name] for name in inspect.signature(cls).parameters if name in names}


_OF_GROUPS = f"; a number of groups that __init__ does not take has to divide the {CHANNELS} channels of the checks"


def _tried(build: Callable[[int], nn.Module], call: str, fixed: Collection[str]) -> nn.Module:
    try:
        return build(2)
    except (Exception, SystemExit) as error:
        more = _OF_GROUPS if "num_groups" in fixed else ""
        raise UserError(f"{call} cannot be built: {one_line(error)}{more}") from error


def _seen(measure: measures.Measure, subject: Subject, ndim: int) -> Values:
    """Nothing where the layer raises, which the checks say."""
    try:
        return measure(subject.new, ndim)
    except (Exception, SystemExit):
        return {}


def _assume(subject: Subject, setting: str) -> Subject:
    """With the usual value of a setting that comes nearest to what the layer does."""
    measure = {"num_groups": measures.training, "eps": measures.near_eps, "momentum": measures.momentum}[setting]
    shapes = accepted(subject).shapes
    if not shapes:
        return subject
    ndim = shapes[0]
    seen = _seen(measure, subject, ndim)

    def by(value: float) -> Reference:
        return replace(subject.reference, settings={**subject.reference.settings, setting: value})

    def distance(value: float) -> float:
        expected = measure(reference_new(by(value)), ndim)
        return max((float(np.abs(seen[key] - expected[key]).max()) for key in expected if key in seen), default=np.inf)

    best = min(USUAL[setting], key=distance)
    remark = f"its constructor takes no {setting}: {best:g} is assumed"
    return replace(
        subject,
        reference=by(best),
        remarks=(*subject.remarks, remark),
        assumed=subject.assumed | {setting},
    )


@dataclass(frozen=True)
class Accepted:
    """Which inputs a layer takes: `shapes` by their dimensions, and why not the others.

    `broken` are those of the others that it does not refuse: it fails on them for a reason that has nothing to do with
    the number of dimensions.
    """

    shapes: tuple[int, ...]
    refused: Mapping[int, str]
    broken: frozenset[int] = frozenset()


def accepted(subject: Subject) -> Accepted:
    """Tries a forward pass with every shape."""
    shapes, refused, broken = [], {}, set()
    for ndim, size in SHAPES.items():
        try:
            y = subject.new(ndim).forward(measures.draw(ndim), training=True)
        except (Exception, SystemExit) as error:
            refused[ndim] = one_line(error)
            if not _is_refusal(error) and not (ndim == 2 and SCHEMES[subject.scheme].spatial_only):
                broken.add(ndim)
            continue
        if y.shape == size:
            shapes.append(ndim)
        else:
            refused[ndim] = f"its output has shape {y.shape} for an input of shape {size}"
    return Accepted(tuple(shapes), refused, frozenset(broken))


_OF_DIMENSIONS = re.compile(
    r"dimension|\bdims?\b|\bshape|\bsize|\baxis\b|\baxes\b|\d-?d\b|unpack|tuple index|indices|subscript|broadcast",
    re.IGNORECASE,
)
"""What Python and PyTorch say where a program is written for another number of dimensions."""


def _is_refusal(error: BaseException) -> bool:
    """Whether a layer does not take that many dimensions: it says so itself, or PyTorch does of its program."""
    if not isinstance(error, ValueError | RuntimeError | IndexError | AssertionError):
        return False
    last = traceback.extract_tb(error.__traceback__)[-1].line or ""
    return last.startswith(("raise ", "assert ")) or bool(_OF_DIMENSIONS.search(str(error)))
