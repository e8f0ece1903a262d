"""What is verified: a scheme's layer by one of its impls, or a user's class."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnlab.errors import one_line
from bnlab.norms import SCHEMES, keras_layers
from bnlab.verification.checks import measures
from bnlab.verification.reference import KNOWN, WEIGHT, Reference, reference_of
from bnlab.verification.reference.layers import CHANNELS, SHAPES, Layer, TorchLayer, shape_of

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
        conventions: those that its reference follows, by their names; see conventions/convention.py.
        widest: the largest type that it takes; what would be float64 is done in this one.
        channels_last: it takes (N, L, C) and (N, H, W, C); in the checks the features are on the second axis.
        file: that of a user's class.
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
    conventions: tuple[str, ...] = ()
    widest: str = "float64"
    channels_last: bool = False
    file: Path | None = None
    dtype_at_build: bool = False

    def new(self, ndim: int, dtype: str = "float64", drawn: bool = True) -> Layer:
        """A fresh layer; see `layers.New`."""
        dtype = self.widest if dtype == "float64" else dtype
        kwargs = {"dtype": dtype} if self.dtype_at_build else {}
        build = partial(self.build, ndim, **kwargs)
        return TorchLayer(build, self.reference.on(ndim), dtype, draw=drawn, channels_last=self.channels_last)

    def said(self, error: BaseException) -> str:
        """What the layer raised, in one line, with the line of the user's file."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if self.file is not None and Path(frame.filename) == self.file]
        where = f" (line {lines[-1]} of {self.file.name})" if lines and self.file is not None else ""
        return f"{one_line(error)}{where}"

    def following(self, convention: str, reference: Reference) -> Subject:
        """The same, held to a reference that follows a convention."""
        return replace(self, reference=reference, conventions=(*self.conventions, convention))


def of_scheme(scheme: str, impl: str) -> Subject:
    """The subject for `norm=SCHEME norm.impl=IMPL`; the impl `keras` is that of `keras_layers`."""
    reference = reference_of(scheme)
    settings = dict(reference.settings)
    called = listed(settings)
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
        layer = linear(ndim)
        SCHEMES[scheme].reparametrize(impl, layer, **settings)
        return layer

    return Subject(impl, called, scheme, reference, reparametrized if reference.of_weights else build)


def listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def linear(ndim: int) -> nn.Module:
    """The layer that a scheme of weights is tried on: linear, or a convolution with a kernel of one pixel."""
    layers: dict[int, Callable[[], nn.Linear | nn.Conv1d | nn.Conv2d]] = {
        2: lambda: nn.Linear(CHANNELS, CHANNELS, bias=False),
        3: lambda: nn.Conv1d(CHANNELS, CHANNELS, 1, bias=False),
        4: lambda: nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False),
    }
    layer = layers[ndim]()
    layer.weight.data = torch.tensor(WEIGHT, dtype=torch.float32).reshape(layer.weight.shape)
    return layer


@dataclass(frozen=True)
class Accepted:
    """Which inputs a layer takes: `shapes` by their dimensions, and why not the others.

    `broken` are those of the others that it does not refuse: it fails on them for a reason that has nothing to do with
    the number of dimensions.
    """

    shapes: tuple[int, ...]
    refused: Mapping[int, str]
    broken: frozenset[int] = frozenset()


REFUSED = "refused: "
"""How the reason begins where a layer says itself that it does not take so many dimensions."""


def accepted(subject: Subject) -> Accepted:
    """Tries a forward pass with every shape."""
    shapes, refused, broken = [], {}, set()
    for ndim in SHAPES:
        size = shape_of(ndim)
        try:
            y = subject.new(ndim).forward(measures.draw(ndim), training=True)
        except (Exception, SystemExit) as error:
            refused[ndim] = f"{REFUSED if _says_itself(error) else ''}{subject.said(error)}"
            if not _is_refusal(error) and not (ndim == 2 and KNOWN[subject.scheme].spatial_only):
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
    return _says_itself(error) or bool(_OF_DIMENSIONS.search(str(error)))


def _says_itself(error: BaseException) -> bool:
    last = traceback.extract_tb(error.__traceback__)[-1].line or ""
    return isinstance(error, ValueError | RuntimeError | AssertionError) and last.startswith(("raise ", "assert "))
