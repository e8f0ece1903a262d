"""The layer to verify, a `Subject`: a scheme's layer in one of its impls, or a user's class."""

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
from bnlab.verification.reference.layers import CHANNELS, SHAPES, Layer, TorchLayer, shape_of, shapes_now

KERAS_STORES = {"batch": {"stored": "biased"}}
"""Choices in which Keras differs by a documented convention; the reference makes the same choices."""

KERAS_REMARKS = {"batch": ("held to Keras's convention, a biased moving variance; its momentum is given as 1 − m",)}

KERAS_DEVIATES = {
    "offset": "Keras on torch takes E[x²] − μ² for the variance (keras.ops.moments), which cancels",
}
"""Checks that Keras fails for a known reason, given in its source; they are warnings."""


@dataclass(frozen=True)
class Subject:
    """A layer to verify.

    Attributes:
        name: the impl, or the class.
        called: the settings, or the call that makes it.
        scheme: the scheme that it should compute.
        reference: that scheme, at the layer's settings.
        build: makes the module for inputs of `ndim` dimensions; raises ValueError if there is none.
        remarks: what was assumed about it, in words.
        assumed: the settings whose values were assumed.
        deviations: for checks that it is known to fail, how their names begin, and why; they become warnings.
        conventions: names of the conventions that its reference follows; see conventions/convention.py.
        widest: the largest type that it takes, which replaces float64.
        channels_last: it takes (N, L, C) and (N, H, W, C); the checks always have the features on the second axis.
        file: the file of a user's class.
        defects: what is wrong with how it keeps its tensors, as keys of `DEFECTS` in mistakes/mistakes.py, each with
            more words about it. The reference does the same, so that its numbers can be compared.
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
    defects: Mapping[str, str] = field(default_factory=dict)
    dtype_at_build: bool = False

    def new(self, ndim: int, dtype: str = "float64", drawn: bool = True) -> Layer:
        """A fresh layer; see `layers.New`."""
        dtype = self.widest if dtype == "float64" else dtype
        kwargs = {"dtype": dtype} if self.dtype_at_build else {}
        build = partial(self.build, ndim, **kwargs)
        return TorchLayer(build, self.reference.on(ndim), dtype, draw=drawn, channels_last=self.channels_last)

    def said(self, error: BaseException) -> str:
        """An exception of the layer in one line, with the number of the line in the user's file."""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if self.file is not None and Path(frame.filename) == self.file]
        where = f" (line {lines[-1]} of {self.file.name})" if lines and self.file is not None else ""
        return f"{one_line(error)}{where}"

    def following(self, convention: str, reference: Reference) -> Subject:
        """The same subject, compared with a reference that follows a convention."""
        return replace(self, reference=reference, conventions=(*self.conventions, convention))

    def flawed(self, defect: str, reference: Reference, words: str = "") -> Subject:
        """The same subject, compared with a reference that has the same defect."""
        return replace(self, reference=reference, defects={**self.defects, defect: words})


def of_scheme(scheme: str, impl: str) -> Subject:
    """The subject for `norm=SCHEME norm.impl=IMPL`; `keras` is Keras's layer, see norms/keras_layers.py."""
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
    """Settings as in a call: `eps=0.001, momentum=0.3`."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def linear(ndim: int) -> nn.Module:
    """The layer whose weights are normalized: a linear one, or a convolution with a kernel of one pixel."""
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
    """Which inputs a layer takes.

    Attributes:
        shapes: the numbers of dimensions that it takes.
        refused: why it does not take the others.
        broken: those of the others on which it fails for a reason that is not the number of dimensions.
    """

    shapes: tuple[int, ...]
    refused: Mapping[int, str]
    broken: frozenset[int] = frozenset()


REFUSED = "refused: "
"""How the reason begins if the layer itself checks the input and raises."""


def accepted(subject: Subject) -> Accepted:
    """Which inputs a layer takes, found by a forward pass with each shape."""
    shapes, refused, broken, built = [], {}, set(), set()
    for ndim in SHAPES:
        if ndim not in shapes_now():
            refused[ndim] = f"{REFUSED}it takes (N, C, D, H, W)"
            continue
        if ndim == 2 and KNOWN[subject.scheme].spatial_only:
            refused[ndim] = f"{REFUSED}the scheme is for inputs with spatial axes"
            continue
        size = shape_of(ndim)
        try:
            layer = subject.new(ndim)
            built.add(ndim)
            y = layer.forward(measures.draw(ndim), training=True)
        except (Exception, SystemExit) as error:
            refused[ndim] = f"{REFUSED if _says_itself(error) else ''}{subject.said(error)}"
            if not _is_refusal(error):
                broken.add(ndim)
            continue
        if y.shape == size:
            shapes.append(ndim)
        else:
            refused[ndim] = f"its output has shape {y.shape} for an input of shape {size}"
    # What is built for some numbers of dimensions is meant for these alone.
    return Accepted(tuple(shapes), refused, frozenset(broken & built if built else broken))


_OF_DIMENSIONS = re.compile(
    r"dimension|elements|matrix|vector|"
    r"\bdims?\b|\bshape|\bsize|\baxis\b|\baxes\b|\d-?d\b|unpack|tuple index|indices|subscript|broadcast",
    re.IGNORECASE,
)
"""Words in the exceptions of Python and PyTorch when code is written for another number of dimensions."""


def _is_refusal(error: BaseException) -> bool:
    """Whether an exception is about the number of dimensions: the layer raised it, or its text says so."""
    if not isinstance(error, ValueError | RuntimeError | IndexError | AssertionError):
        return False
    return _says_itself(error) or bool(_OF_DIMENSIONS.search(str(error)))


def _says_itself(error: BaseException) -> bool:
    last = traceback.extract_tb(error.__traceback__)[-1].line or ""
    return isinstance(error, ValueError | RuntimeError | AssertionError) and last.startswith(("raise ", "assert "))
