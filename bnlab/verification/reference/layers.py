"""One interface for the torch module and its reference, `Layer`, so that the same measurement runs on both."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bnlab.verification.reference.recipe import Recipe
from bnlab.verification.reference.reference import Array, Reference, Values, gradient, per_layer
from bnlab.verification.reference.roles import find_roles, held_in
from bnlab.verification.reference.standardize import gradient_factor

CHANNELS = 6
SHAPES = {2: (8, CHANNELS), 3: (8, CHANNELS, 3), 4: (8, CHANNELS, 2, 3)}
"""Input shapes by number of dimensions. All axes have different lengths, so that confusing two shows; N is two ghosts
of four samples.
"""

WIDE = 96
"""Number of channels for a class whose fixed number of groups, e.g. 32, does not divide `CHANNELS`."""

WIDE_SHAPES = {2: (5, WIDE), 3: (5, WIDE, 2), 4: (5, WIDE, 2, 2)}

EQUAL_SHAPES = {ndim: (CHANNELS,) * ndim for ndim in SHAPES}
"""Shapes whose axes cannot be told apart, on which a layer runs that takes one for another."""

DEPTH = 3
VOLUMES = {4: (4, CHANNELS, 2, 4 * DEPTH)}
"""The shape of images that stand for volumes: a layer is given them as (N, C, 2, 4, `DEPTH`)."""

_shapes: ContextVar[Mapping[int, tuple[int, ...]]] = ContextVar("shapes", default=SHAPES)


@contextmanager
def with_shapes(shapes: Mapping[int, tuple[int, ...]]) -> Iterator[None]:
    """Inside this context all inputs have these shapes: `WIDE_SHAPES`, `EQUAL_SHAPES` or `VOLUMES`."""
    token = _shapes.set(shapes)
    try:
        yield
    finally:
        _shapes.reset(token)


def shapes_now() -> Mapping[int, tuple[int, ...]]:
    """The shapes of inputs by their numbers of dimensions."""
    return _shapes.get()


def of_volumes() -> bool:
    """Whether images stand for volumes."""
    return shapes_now() is VOLUMES


def width() -> int:
    """C, the number of channels."""
    return shapes_now()[4][1]


def shape_of(ndim: int) -> tuple[int, ...]:
    """The shape of an input with `ndim` dimensions."""
    return shapes_now()[ndim]


class Layer(Protocol):
    """A layer whose inputs and outputs are NumPy arrays. Every measurement makes a new one."""

    reference: Reference

    def forward(self, x: Array, *, training: bool, recorded: bool | None = None) -> Array:
        """The output for x. Gradients are recorded in training only, unless `recorded` says otherwise."""

    def gradients(self, x: Array, g: Array) -> Values:
        """The gradients of Σ g·y in training: of the input as `input`, and of each parameter under its name."""

    def give(self, name: str, value: Array) -> None:
        """Sets a parameter, if the layer has it."""

    def parameters(self) -> Values: ...

    def statistics(self) -> Values: ...

    def reloaded(self) -> Layer:
        """A new layer that has loaded this one's state_dict."""


New = Callable[..., Layer]
"""`new(ndim, dtype="float64", drawn=True)`: makes a layer for inputs with `ndim` dimensions. Its parameters are random,
or with `drawn=False` have their initial values."""


def drawn(reference: Reference) -> Values:
    """Random values for the parameters, near their initial values, and all different."""
    rng = np.random.default_rng(1)
    starts = per_layer(reference.initial, width())
    return {name: start + rng.uniform(-0.4, 0.8, start.shape) for name, start in starts.items()}


class ReferenceNew:
    """`New` for the reference itself. Objects for references that give the same numbers are equal, so that a cached
    measurement serves for both.
    """

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        starts = (reference.initial, reference.initial_spatial or {}, reference.statistics)
        values = [(name, np.shape(start), np.ravel(start).tobytes()) for each in starts for name, start in each.items()]
        formula = reference.recipe or (reference.forward, reference.backward, reference.of_weights)
        self._key = (tuple(shapes_now().items()), formula, tuple(reference.settings.items()), tuple(values))
        self._hash = hash(self._key)

    @cached_property
    def in_training(self) -> ReferenceNew:
        """The same reference, for measurements of new layers in training."""
        recipe = self.reference.recipe
        if recipe is None or recipe.of_first_batch() == recipe:
            return self
        return ReferenceNew(self.reference.following(recipe.of_first_batch()))

    def __call__(self, ndim: int, dtype: str = "float64", drawn: bool = True) -> ReferenceLayer:
        return ReferenceLayer(self.reference.on(ndim).in_type(dtype), dtype, draw=drawn)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReferenceNew) and self._key == other._key


class ReferenceLayer:
    """The reference, in float64; `dtype="float32"` matters only for mistakes that cause rounding errors."""

    def __init__(self, reference: Reference, dtype: str, *, draw: bool) -> None:
        self.reference = reference
        self.dtype = dtype
        self._parameters = drawn(reference) if draw else per_layer(reference.initial, width())
        self._statistics = per_layer(reference.statistics, width())

    def forward(self, x: Array, *, training: bool, recorded: bool | None = None) -> Array:
        if self.reference.recipe and self.reference.recipe.mode == "recorded" and recorded is not None:
            training = recorded
        if self.reference.recipe and self.reference.recipe.shortcut and self.dtype == "float32":
            x = x.astype(np.float32)
        return self._run(x, self._parameters, self._statistics, training)

    def gradients(self, x: Array, g: Array) -> Values:
        recipe = self.reference.recipe
        of_stack = recipe is not None
        alone = 0 if recipe is None else recipe.blocks(width(), self.reference.settings)

        def output(at: Array, parameters: Values) -> Array:
            if of_stack:
                return self.reference.of_stack(at, parameters, dict(self._statistics))
            return self._run(at, parameters, dict(self._statistics), True)

        def with_parameter(name: str, value: Array) -> Array:
            return output(x[None] if of_stack else x, self._parameters | {name: value})

        fixed = dict(self._parameters)
        if recipe and recipe.input_gradient == "without gamma":
            fixed["weight"] = np.ones(width())
        if self.reference.backward is None:
            found = {"input": gradient(lambda at: output(at, fixed), x, g, of_stack=of_stack, alone=alone)}
        else:
            of_input = self.reference.backward(x, g, fixed, dict(self._statistics), self.reference.settings)
            found = {"input": of_input}
        if recipe:
            found["input"] = found["input"] * gradient_factor(recipe, x, self.reference.settings)
        for name, value in self._parameters.items():
            upstream = g * _weights(recipe, name, len(g)).reshape(-1, *(1,) * (g.ndim - 1))
            if name == "weight" and recipe and recipe.gamma_gradient_of == "x":
                found[name] = (upstream * x).sum((0, *range(2, x.ndim)))
            else:
                found[name] = gradient(partial(with_parameter, name), value, upstream, of_stack=of_stack)
        if recipe and recipe.parameter_gradients == "swapped" and {"weight", "bias"} <= set(found):
            found["weight"], found["bias"] = found["bias"], found["weight"]
        return found

    def give(self, name: str, value: Array) -> None:
        self._parameters[name] = value

    def parameters(self) -> Values:
        return {name: value.reshape(-1) for name, value in self._parameters.items()}

    def statistics(self) -> Values:
        return {name: self._statistics[name] for name in self.reference.statistics}

    def reloaded(self) -> ReferenceLayer:
        return copy.deepcopy(self)

    def _run(self, x: Array, parameters: Values, statistics: Values, training: bool) -> Array:
        y: Array = self.reference.forward(x, parameters, statistics, self.reference.settings, training)
        return y


def _weights(recipe: Recipe | None, parameter: str, samples: int) -> Array:
    """The weight of each sample's gradient in the gradient of a parameter, of shape (N,): all 1 without a mistake."""
    fields = {"weight": "gamma_gradient", "bias": "beta_gradient"}
    how = getattr(recipe, fields[parameter]) if recipe and parameter in fields else "sum"
    number = np.arange(samples)
    weights: dict[str, Array] = {
        "sum": np.ones(samples),
        "mean": np.ones(samples) / samples,
        "first": number == 0,
        "last": number == samples - 1,
        "none": np.zeros(samples),
    }
    return weights[how]


@contextmanager
def _uninitialized_as_nan() -> Iterator[None]:
    """Inside this context memory that nothing initializes, as after torch.empty, is NaN: by chance it may be 0 or 1."""
    filling: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), filling.fill_uninitialized_memory
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import the compiler
    filling.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        filling.fill_uninitialized_memory = before[1]


class TorchLayer:
    """A torch module. Its parameters that nothing initializes are NaN.

    Args:
        build: makes the module.
        reference: says which parameters and statistics to look for, and the parameters' values.
        dtype: the type of the module and its inputs.
        draw: whether the parameters get random values; else they keep their initial ones.
        channels_last: whether the module takes (N, ..., C); this class always takes (N, C, ...).
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        reference: Reference,
        dtype: str,
        *,
        draw: bool,
        channels_last: bool = False,
    ) -> None:
        self.build = build
        self.channels_last = channels_last
        self.reference = reference
        self.dtype: torch.dtype = getattr(torch, dtype)
        with torch.random.fork_rng(devices=[]), _uninitialized_as_nan():
            torch.default_generator.manual_seed(0)  # random initial values are the same in every layer
            self.module = self._cast(build())
        self.roles = find_roles(self.module, reference, width())
        if draw:
            for name, value in drawn(reference).items():
                self.give(name, value)
        self._settle()

    def forward(self, x: Array, *, training: bool, recorded: bool | None = None) -> Array:
        return _array(self.run(self._tensor(x), training=training, recorded=recorded))

    def run(self, x: Tensor, *, training: bool, recorded: bool | None = None) -> Tensor:
        """The module's output; its warnings are suppressed.

        Raises:
            TypeError: the output is no tensor.
        """
        set_mode(self.module, training)
        with warnings.catch_warnings(), torch.set_grad_enabled(training if recorded is None else recorded):
            warnings.simplefilter("ignore")
            x = x.unflatten(-1, (-1, DEPTH)) if of_volumes() else x
            y = self.module(x.movedim(1, -1).contiguous() if self.channels_last else x)
        if not isinstance(y, Tensor):
            raise TypeError(f"its output is of type {type(y).__name__}, not a tensor")
        y = y.movedim(-1, 1) if self.channels_last else y
        return y.flatten(-2) if of_volumes() else y

    def gradients(self, x: Array, g: Array) -> Values:
        inputs = {"input": self._tensor(x).requires_grad_()}
        inputs |= {name: self._learned(name) for name in self.reference.initial if name in self.roles}
        # A copy: on a leaf of the graph PyTorch forbids in-place operations, which elsewhere it allows.
        y = self.run(inputs["input"].clone(), training=True)
        wanted = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
        found: tuple[Tensor | None, ...] = (None,) * len(wanted)
        if y.requires_grad:
            found = torch.autograd.grad(y, list(wanted.values()), self._tensor(g).to(y.dtype), allow_unused=True)
        gradients = dict(zip(wanted, found, strict=True))
        return {name: _array(gradients.get(name), inputs[name]) for name in inputs}

    def give(self, name: str, value: Array) -> None:
        if name in self.roles:
            with torch.no_grad():
                self.tensor(name).copy_(self._tensor(value).reshape(self.tensor(name).shape))
            self._settle()

    def parameters(self) -> Values:
        return {name: _array(self.tensor(name)).reshape(-1) for name in self.reference.initial if name in self.roles}

    def statistics(self) -> Values:
        tensors = {name: self.tensor(name) for name in self.reference.statistics if name in self.roles}
        shapes = {name: start.shape for name, start in per_layer(self.reference.statistics, width()).items()}
        found = {name: _array(tensor) for name, tensor in tensors.items() if self._is_statistic(name, tensor)}
        return {name: values.reshape(-1, *shapes[name]).mean(0) for name, values in found.items()}

    def reloaded(self) -> TorchLayer:
        state = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        dtype = str(self.dtype).removeprefix("torch.")
        other = TorchLayer(self.build, self.reference, dtype, draw=False, channels_last=self.channels_last)
        other.module.load_state_dict(state)
        return other

    def tensor(self, name: str) -> Tensor:
        """The tensor that has this role now; a layer may assign a new tensor to the attribute in every step."""
        owner, attribute = self.roles[name]
        tensor: Tensor = getattr(owner, attribute)
        return tensor

    def _settle(self) -> None:
        """Runs training passes until an estimate that improves with each one, as of a singular value, has converged."""
        for _ in range(self.reference.settles):
            x = self._tensor(np.zeros(shape_of(self.tensor("original").ndim)))
            self.run(x, training=True, recorded=False)

    def _is_statistic(self, name: str, tensor: Tensor) -> bool:
        """Whether a tensor has one value per feature, or, with ghosts, one per feature and ghost."""
        size = per_layer(self.reference.statistics, width())[name].size
        ghosts = self.reference.recipe is not None and self.reference.recipe.ghosts
        return tensor.numel() == size or bool(ghosts and tensor.numel() > 0 and tensor.numel() % size == 0)

    def _learned(self, name: str) -> Tensor:
        """The parameter, with requires_grad switched on: if it was off, that is reported as a defect."""
        tensor = self.tensor(name)
        return tensor.requires_grad_() if tensor.is_leaf else tensor

    def _cast(self, module: nn.Module) -> nn.Module:
        """The module in `dtype`, with tensors in plain attributes, lists and dicts, which `Module.to` leaves out."""
        module.to(self.dtype)
        for part in module.modules():
            for attribute, value in list(vars(part).items()):
                if isinstance(value, Tensor) and value.is_floating_point():
                    setattr(part, attribute, self._plain(value))
                for key, each in held_in(value) if attribute not in ("_parameters", "_buffers") else ():
                    if isinstance(each, Tensor) and each.is_floating_point():
                        value[key] = self._plain(each)
        return module

    def _plain(self, tensor: Tensor) -> Tensor:
        return tensor.detach().to(self.dtype).requires_grad_(tensor.requires_grad)

    def _tensor(self, values: Array) -> Tensor:
        return torch.tensor(np.ascontiguousarray(values), dtype=self.dtype)  # contiguous, as .view needs it


def set_mode(module: nn.Module, training: bool) -> None:
    """Sets train or eval mode as PyTorch does; where a module's own `train` does not let it, in the nearest way."""
    try:
        module.train(training)
        return
    except Exception:  # special.defects reports it
        pass
    try:
        (module.train if training else module.eval)()
    except Exception:
        for part in module.modules():
            part.training = training


def _array(tensor: Tensor | None, like: Tensor | None = None) -> Array:
    if tensor is None:
        return np.zeros(() if like is None else like.shape)
    values: Array = tensor.detach().double().numpy()
    return values.copy()  # the layer may change its tensor later
