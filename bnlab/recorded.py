"""Records a function of tensors as the flat list of the kernels that it calls, and replays that.

PyTorch walks through the modules and builds the graph of the backward pass anew at every step. For one small network
this takes longer than the kernels that it leads to; a replay takes none of it. It calls the same kernels with the same
values in the same order, so its results are the same to the bit.

The list is replayed by TorchScript's interpreter, which is C++ and leaves Python's lock free meanwhile: several threads
can replay a recording each.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch._inductor
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.jit._fuser import optimized_execution

Program = Callable[..., Sequence[Tensor]]


def record(
    function: Program, arguments: Sequence[Tensor], state: Sequence[Tensor], *, compiled: bool = False
) -> Program:
    """The recorded form of `function`, for arguments of the same shapes, strides and types.

    Args:
        function: depends on nothing but its arguments and the state, and changes nothing but the state. A decision that
            it takes by a Python variable that changes from call to call would be recorded as it is now.
        arguments: an example of what it is called with.
        state: the tensors that it reads or changes besides: they must stay where they are, as only their values change.
        compiled: let PyTorch's compiler make kernels of its own from the recording; needs a C++ compiler.

    Raises:
        RuntimeError: the function looks at a number in a tensor to decide what to do.
    """
    before = [tensor.detach().clone() for tensor in state]
    try:
        recording = make_fx(lambda *_: function(*arguments))(*arguments, *state)
    finally:
        with torch.no_grad():
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
    inputs = [tensor.detach() for tensor in state]
    if compiled:
        program = _compile(recording, [*arguments, *inputs])
    else:
        program, made_of_numbers = _script(recording)
        inputs += made_of_numbers

    @torch.inference_mode()
    def run(*arguments: Tensor) -> Sequence[Tensor]:
        with optimized_execution(False):  # it would put other kernels in these ones' places
            return program(*arguments, *inputs)

    return run


def _compile(recording: GraphModule, inputs: Sequence[Tensor]) -> Program:
    for node in recording.graph.nodes:
        node.meta.clear()  # what was noted of the values while recording; the compiler would hold its own against it
    # Kernels that are called from Python keep its lock.
    program: Program = torch._inductor.compile(recording, list(inputs), options={"cpp_wrapper": True})
    return program


def _script(recording: GraphModule) -> tuple[Program, list[Tensor]]:
    """The recording in TorchScript, a line per kernel, and the tensors that it takes after its inputs."""
    recording.graph.eliminate_dead_code()
    inputs: list[str] = []
    made_of_numbers: list[tuple[str, Tensor]] = []
    lines: list[str] = []
    written: list[str] = []
    for node in recording.graph.nodes:
        if node.op == "placeholder":
            inputs.append(node.name)
        elif node.op == "get_attr":  # a tensor that the function made of numbers
            made_of_numbers.append((node.name, getattr(recording, str(node.target))))
        elif node.op == "output":
            results = ", ".join([*map(_text, node.args[0]), *written])
            lines.append(f"return [{results}]")
        elif node.target is operator.getitem:
            lines.append(f"{node.name} = {_text(node.args[0])}[{node.args[1]!r}]")
        elif node.target._schema.returns:
            lines.append(f"{node.name} = {_call(node, map(_text, node.args))}")
        else:
            # TorchScript takes a kernel that writes into a list of tensors for one that changes nothing but the list,
            # and leaves it out if nobody looks at the list afterwards.
            lines.append(f"{node.name} = {_text(node.args[0])}")
            lines.append(_call(node, [node.name, *map(_text, node.args[1:])]))
            written.append(f"{node.name}[0]")
    names = [*inputs, *(name for name, _ in made_of_numbers)]
    header = f"def program({', '.join(f'{name}: Tensor' for name in names)}):"
    program: Program = torch.jit.CompilationUnit("\n    ".join([header, *lines]) + "\n").program
    return program, [tensor for _, tensor in made_of_numbers]


def _call(node: Node, arguments: Iterable[str]) -> str:
    target: Any = node.target
    words = [*arguments, *(f"{name}={_text(value)}" for name, value in node.kwargs.items())]
    return f"torch.ops.{target._schema.name.replace('::', '.')}({', '.join(words)})"


def _text(value: Any) -> str:
    if isinstance(value, Node):
        return value.name
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return f"torch.device('{value}')" if isinstance(value, torch.device) else repr(value)
