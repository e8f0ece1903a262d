"""PyTorch's private names: all that bnlab uses of them, each with what stands in for it when it goes.

They are looked up when they are needed. One that is missing raises MissingError, and whoever asked says so and takes
the plain way: slower, and with the same numbers, or with the same but for rounding where that is said too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

LOOKS_AT_A_NUMBER = "_local_scalar_dense"
"""The kernel behind `item()`, which PyTorch names where a recording comes upon it. It has no public mark; if the name
changes, a step that looks at a number fails in recording with PyTorch's own message, which has the new one."""


class MissingError(Exception):
    """This PyTorch lacks a private name; the message says which."""


def trace(function: Callable[..., Any], *arguments: Tensor) -> GraphModule:
    """The kernels that `function` calls. When it goes: torch.export of a module's step; until then the plain step."""
    make_fx = _find("torch.fx.experimental.proxy_tensor.make_fx")
    with _one_for_all_notes():
        graph: GraphModule = make_fx(function)(*arguments)
    return graph


def _one_for_all_notes() -> AbstractContextManager[Any]:
    """A context in which a recording notes the shapes of all values by one object, which else is made anew for each.

    When it goes: nothing; a recording takes half as long again, which is tenths of a second, and is not said.
    """
    try:
        tracing, context = _find("torch._guards.tracing"), _find("torch._guards.TracingContext")
        shapes = _find("torch._subclasses.FakeTensorMode")
    except MissingError:
        return nullcontext()
    entered: AbstractContextManager[Any] = tracing(context(shapes()))
    return entered


def compile_graph(graph: GraphModule, inputs: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]]:
    """The graph with kernels of PyTorch's compiler, called from C++: those that are called from Python keep its lock.

    When it goes: torch.compile, whose calls take Python's lock; until then the recorded step.
    """
    program: Callable[..., Sequence[Tensor]] = _find("torch._inductor.compile")(
        graph, list(inputs), options={"cpp_wrapper": True}
    )
    return program


def script_module(holder: nn.Module) -> Any:
    """A TorchScript module of the holder's buffers, in which methods are yet to be defined.

    When it goes: torch.jit.script of a class that is written to a file; until then the plain step.
    """
    return _find("torch.jit._recursive.create_script_module")(holder, lambda _: [], share_types=False)


def as_written() -> Callable[[], AbstractContextManager[None]]:
    """A context in which TorchScript runs kernels as they are written and puts no others in their places.

    When it goes: torch.jit.set_fusion_strategy with no fusion, if tests find the same bits; until then the plain step.
    """
    context = _find("torch.jit._fuser.optimized_execution")
    return lambda: context(False)


def returns(kernel: Any) -> Sequence[Any]:
    """What a kernel returns.

    When it goes: the values that a recording notes of each node; until then the plain step.
    """
    try:
        found: Sequence[Any] = kernel._schema.returns
    except AttributeError as error:
        raise _missing(f"{type(kernel).__name__}._schema") from error
    return found


def returns_a_tensor(kernel: Any) -> bool:
    """Whether the first thing that a kernel returns is one tensor, and not several; when it goes, as `returns`."""
    return isinstance(returns(kernel)[0].type, _find("torch.TensorType"))


def fused_update(name: str) -> Callable[..., None]:
    """The kernel that moves tensors by Adam, AdamW or SGD, behind `torch.optim.Adam(fused=True)` and its like.

    When it goes: torch.optim's own classes, whose bookkeeping takes longer than the kernel; until then
    `plain_updates`, of the same formulas.
    """
    kernel: Callable[..., None] = _find(f"torch._fused_{name}_")
    return kernel


def _find(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise _missing(path) from error


def _missing(name: str) -> MissingError:
    return MissingError(f"PyTorch {torch.__version__} has no {name}")
