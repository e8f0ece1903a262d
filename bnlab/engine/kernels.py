"""Makes training steps of small networks fast: a step is recorded once, as a flat list of kernels, and then replayed.

PyTorch walks through the modules and builds the graph of the backward pass anew at every step. For a small network this
takes longer than the kernels themselves (matrix products, additions, ...), and a replay does without it. It calls the
same kernels with the same values in the same order, so its results are the same to the bit.

TorchScript's interpreter replays the list. It is written in C++ and releases Python's lock (GIL), so that several
threads can replay a recording each.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from bnlab.engine import pytorch_private
from bnlab.errors import one_line

Program = Callable[..., Sequence[Tensor]]


class NumberSeenError(Exception):
    """A function reads a number out of a tensor (`item()`), so its kernels may differ from call to call."""


class RecordingError(Exception):
    """PyTorch cannot make a program of a recording; the message is PyTorch's reason."""


def record(
    function: Program, arguments: Sequence[Tensor], state: Sequence[Tensor], *, compiled: bool = False
) -> Program:
    """The recorded form of `function`, for arguments of the same shapes, strides and types.

    Args:
        function: must depend on nothing but its arguments and the state, and change nothing but the state. Python
            values are fixed at the recording: an `if` on one that changes from call to call would not be noticed.
        arguments: an example of what it is called with.
        state: all other tensors that it reads or changes. They must stay at the same addresses; their values may
            change. The recording leaves their values as they are.
        compiled: let PyTorch's compiler make kernels of its own from the recording; needs a C++ compiler.

    Raises:
        NumberSeenError: the function reads a number out of a tensor.
        RecordingError: PyTorch cannot make a program of the recording.
    """
    before = [tensor.detach().clone() for tensor in state]
    try:
        recording = pytorch_private.trace(lambda *_: function(*arguments), *arguments, *state)
    except pytorch_private.MissingError as error:
        raise RecordingError(one_line(error)) from error
    except RuntimeError as error:
        if pytorch_private.LOOKS_AT_A_NUMBER not in str(error):
            raise
        raise NumberSeenError(one_line(error)) from error
    finally:
        with torch.no_grad():
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
    try:
        run = _compile(recording, arguments, state) if compiled else _script(recording, state)
    except Exception as error:  # PyTorch's compilers, and the C++ compilers that they call, raise many kinds
        raise RecordingError(one_line(error)) from error
    return torch.inference_mode()(run)


def _compile(recording: GraphModule, arguments: Sequence[Tensor], state: Sequence[Tensor]) -> Program:
    for node in recording.graph.nodes:
        node.meta.clear()  # notes on the values, made while recording, which the compiler would check against its own
    inputs = [tensor.detach() for tensor in state]
    program = pytorch_private.compile_graph(recording, [*arguments, *inputs])
    return lambda *arguments: program(*arguments, *inputs)


def _script(recording: GraphModule, state: Sequence[Tensor]) -> Program:
    for node in recording.graph.nodes:
        if node.target is torch.ops.aten.alias.default:
            node.replace_all_uses_with(node.args[0])
    recording.graph.eliminate_dead_code()
    inputs = [node for node in recording.graph.nodes if node.op == "placeholder"]
    text = _Text(dict(zip(inputs[-len(state) :], [tensor.detach() for tensor in state], strict=True)))
    for node in recording.graph.nodes:
        if node.op == "get_attr":  # a constant: a tensor that the function made of numbers
            text.fixed[node] = getattr(recording, str(node.target))
        elif node.op == "call_function":
            text.add_call(node)
        elif node.op == "output":
            text.add_return(node.args[0])
    program, as_written = text.compiled(arguments=inputs[: -len(state)]), pytorch_private.as_written()

    def run(*arguments: Tensor) -> Sequence[Tensor]:
        with as_written():
            return program(*arguments)

    return run


class _Text:
    """The source text of a recording in TorchScript, a line per kernel.

    Args:
        fixed: the tensors that stay at one address. Their views do too, so these are made once and not at every call.
    """

    def __init__(self, fixed: dict[Node, Tensor]) -> None:
        self.fixed = fixed
        self._lines: list[str] = []
        self._written: list[str] = []

    def add_call(self, node: Node) -> None:
        target: Any = node.target
        first: Any = node.args[0] if node.args else None
        if target is operator.getitem:
            self._lines.append(f"{node.name} = {first.name}[{node.args[1]!r}]")
        elif _is_view(target) and first in self.fixed:
            self.fixed[node] = target(self.fixed[first], *node.args[1:], **node.kwargs)
        elif pytorch_private.returns(target):
            self._lines.append(f"{node.name} = {_call(node, map(_text, node.args))}")
        else:
            # A kernel without a result, such as a fused optimizer, writes into the tensors of a list. TorchScript takes
            # it for one that changes only the list, and drops it unless the list is used: so the program returns it.
            self._lines.append(f"{node.name} = {_text(first)}")
            self._lines.append(_call(node, [node.name, *map(_text, node.args[1:])]))
            self._written.append(f"{node.name}[0]")

    def add_return(self, results: Any) -> None:
        self._lines.append(f"return [{', '.join([*map(_text, results), *self._written])}]")

    def compiled(self, arguments: Sequence[Node]) -> Program:
        """The program. Fixed tensors become a module's buffers, since passing them at every call would take time."""
        holder = torch.nn.Module()
        for node, tensor in self.fixed.items():
            holder.register_buffer(node.name, tensor)
        header = f"def program(self, {', '.join(f'{node.name}: Tensor' for node in arguments)}):"
        names = [f"{node.name} = self.{node.name}" for node in self.fixed]
        module = pytorch_private.script_module(holder)
        module.define("\n    ".join([header, *names, *self._lines]) + "\n")
        program: Program = module.program
        return program


def _is_view(target: Any) -> bool:
    """Whether a kernel returns a view, one tensor and not several."""
    return bool(target.is_view) and pytorch_private.returns_a_tensor(target)


def _call(node: Node, arguments: Iterable[str]) -> str:
    target: Any = node.target
    words = [*arguments, *(f"{name}={_text(value)}" for name, value in node.kwargs.items())]
    return f"torch.ops.{target.overloadpacket}({', '.join(words)})"


def _text(value: Any) -> str:
    if isinstance(value, Node):
        return value.name
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return f"torch.device('{value}')" if isinstance(value, torch.device) else repr(value)
