"""All private names of PyTorch that bnlab uses, each with what could replace it if PyTorch removes it.

A name is looked up when it is needed. If it is missing, MissingError is raised; the caller then warns and takes a
slower way with public names, which gives the same numbers, or, where it says so, the same but for rounding.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.utils._python_dispatch import TorchDispatchMode

LOOKS_AT_A_NUMBER = "_local_scalar_dense"
"""The kernel behind `item()`, by which PyTorch's error is known when a recording reads a number out of a tensor.
If PyTorch renames it, recording such a step fails with PyTorch's own message, which has the new name."""


class Kernels(TorchDispatchMode):
    """A context in which PyTorch calls `__torch_dispatch__` in place of each kernel.

    The first kernel would import PyTorch's compiler, for a second, to keep it out of such calls. If the name of this
    choice is removed: nothing is needed.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's has no types

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class MissingError(Exception):
    """This PyTorch lacks a private name; the message says which."""


def trace(function: Callable[..., Any], *arguments: Tensor) -> GraphModule:
    """The kernels that `function` calls, as a graph.

    If it is removed: torch.export of a module's step; until then the plain step.
    """
    make_fx = _find("torch.fx.experimental.proxy_tensor.make_fx")
    with _one_for_all_notes():
        graph: GraphModule = make_fx(function)(*arguments)
    return graph


def _one_for_all_notes() -> AbstractContextManager[Any]:
    """Makes a recording faster: the object that notes the values' shapes is made once, not for each value.

    If it is removed: nothing is needed; a recording takes half as long again, some tenths of a second, without a
    warning.
    """
    try:
        tracing, context = _find("torch._guards.tracing"), _find("torch._guards.TracingContext")
        shapes = _find("torch._subclasses.FakeTensorMode")
    except MissingError:
        return nullcontext()
    entered: AbstractContextManager[Any] = tracing(context(shapes()))
    return entered


def compile_graph(graph: GraphModule, inputs: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]]:
    """The graph compiled by PyTorch's compiler, with kernels called from C++, which release Python's lock (GIL).

    If it is removed: torch.compile, whose calls hold the lock; until then the recorded step.
    """
    program: Callable[..., Sequence[Tensor]] = _find("torch._inductor.compile")(
        graph, list(inputs), options={"cpp_wrapper": True}
    )
    return program


def script_module(holder: nn.Module) -> Any:
    """A TorchScript module with the holder's buffers and no methods yet.

    If it is removed: torch.jit.script of a class that is written to a file; until then the plain step.
    """
    return _find("torch.jit._recursive.create_script_module")(holder, lambda _: [], share_types=False)


def as_written() -> Callable[[], AbstractContextManager[None]]:
    """A context in which TorchScript runs the kernels as written, without fusing them into others.

    If it is removed: torch.jit.set_fusion_strategy without fusion, if tests find the same bits; until then the plain
    step.
    """
    context = _find("torch.jit._fuser.optimized_execution")
    return lambda: context(False)


def returns(kernel: Any) -> Sequence[Any]:
    """The types of what a kernel returns; empty if it returns nothing.

    If it is removed: the values that a recording notes of each node; until then the plain step.
    """
    try:
        found: Sequence[Any] = kernel._schema.returns
    except AttributeError as error:
        raise _missing(f"{type(kernel).__name__}._schema") from error
    return found


def returns_a_tensor(kernel: Any) -> bool:
    """Whether the first thing that a kernel returns is a tensor, not a list of them. If it is removed: as `returns`."""
    return isinstance(returns(kernel)[0].type, _find("torch.TensorType"))


def fused_update(name: str) -> Callable[..., None]:
    """The fused kernel of Adam, AdamW or SGD, which `torch.optim.Adam(fused=True)` calls.

    If it is removed: torch.optim's own classes, whose bookkeeping takes longer than the kernel; until then
    `plain_updates`, of the same formulas.
    """
    kernel: Callable[..., None] = _find(f"torch._fused_{name}_")
    return kernel


def onednn_linear() -> Callable[..., Tensor]:
    """The x Wᵀ + b of oneDNN, as a function of x, W, b and what to do next, which PyTorch's compiler uses.

    If it is removed: nothing is needed; large products take twice the time on some processors, without a warning.
    """
    try:
        kernel: Callable[..., Tensor] = torch.ops.mkldnn._linear_pointwise.default
    except AttributeError as error:
        raise _missing("torch.ops.mkldnn._linear_pointwise") from error
    return kernel


def _find(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise _missing(path) from error


def _missing(name: str) -> MissingError:
    return MissingError(f"PyTorch {torch.__version__} has no {name}")
