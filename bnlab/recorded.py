"""Records a function of tensors as the flat list of the kernels that it calls, and replays that.

PyTorch walks through the modules and builds the graph of the backward pass anew at every step. For one small network
this takes longer than the kernels that it leads to; a replay takes none of it. It calls the same kernels with the same
values in the same order, so its results are the same to the bit.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg

Program = Callable[..., Sequence[Tensor]]

aten = torch.ops.aten


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
    return _compile(recording, state) if compiled else _Writer(recording, len(arguments), state).program()


def _compile(recording: GraphModule, state: Sequence[Tensor]) -> Program:
    torch.compiler.reset()  # the programs of earlier recordings count against a limit of compilations
    program = torch.compile(recording, dynamic=False, fullgraph=True)
    values = [tensor.detach() for tensor in state]
    return torch.no_grad()(lambda *arguments: program(*arguments, *values))


class _Writer:
    """Writes a graph out as one Python function, a line per kernel.

    What can be known beforehand is left out: views of the state, which stay as they are, renamed tensors, and the
    conversion of numbers to tensors.
    """

    def __init__(self, recording: GraphModule, arguments: int, state: Sequence[Tensor]) -> None:
        recording.graph.eliminate_dead_code()
        self._nodes = list(recording.graph.nodes)
        inputs = [node for node in self._nodes if node.op == "placeholder"]
        self._inputs = inputs[:arguments]
        self._fixed: dict[Node, Tensor] = dict(
            zip(inputs[arguments:], [tensor.detach() for tensor in state], strict=True)
        )
        for node in self._nodes:
            if node.op == "get_attr":  # a tensor that the function made of numbers
                self._fixed[node] = getattr(recording, str(node.target))
        self._renamed: dict[Node, Node] = {}
        self._viewed: dict[Node, Node] = {}
        self._constants: dict[str, Any] = {}

    def program(self) -> Program:
        calls = [node for node in self._nodes if node.op == "call_function" and not self._is_known_beforehand(node)]
        (output,) = (node for node in self._nodes if node.op == "output")
        results: Any = output.args[0]
        last_use = self._last_uses(calls, results)
        lines = [f"    {self._line(node)}{_release(last_use.get(node, ()))}" for node in calls]
        header = f"def program({', '.join(node.name for node in self._inputs)}):"
        source = "\n".join([header, *lines, f"    return {self._text(list(results))}"])
        namespace: dict[str, Any] = self._constants
        exec(compile(source, "<recorded>", "exec"), namespace)
        program: Program = namespace["program"]
        return torch.no_grad()(program)

    def _is_known_beforehand(self, node: Node) -> bool:
        """Whether a call can be left out, as its result is a tensor that is already there."""
        target: Any = node.target
        if not getattr(target, "is_view", False) or "tensor_meta" not in node.meta:
            return False
        seen = viewed = self._origin(node.args[0])
        if viewed in self._fixed:
            args, kwargs = map_arg((node.args, node.kwargs), lambda _: self._fixed[viewed])
            self._fixed[node] = target(*args, **kwargs).detach()
            return True
        while not _looks_alike(node, seen):
            if seen not in self._viewed:
                self._viewed[node] = viewed
                return False
            seen = self._viewed[seen]
        self._renamed[node] = seen
        return True

    def _origin(self, node: Any) -> Node:
        origin: Node = self._renamed.get(node, node)
        return origin

    def _line(self, node: Node) -> str:
        if node.target is operator.getitem:
            return f"{node.name} = {self._text(node.args[0])}[{node.args[1]!r}]"
        arguments = _with_numbers_as_tensors(node)
        words = [*map(self._text, arguments), *(f"{name}={self._text(value)}" for name, value in node.kwargs.items())]
        return f"{node.name} = {self._constant(_entrance(node.target))}({', '.join(words)})"

    def _text(self, value: Any) -> str:
        if isinstance(value, Node):
            node = self._origin(value)
            return self._constant(self._fixed[node]) if node in self._fixed else node.name
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(map(self._text, value))}]"
        return repr(value) if isinstance(value, (int, str)) or value is None else self._constant(value)

    def _constant(self, value: Any) -> str:
        name = f"constant_{id(value)}"
        self._constants[name] = value
        return name

    def _last_uses(self, calls: Sequence[Node], results: Sequence[Node]) -> Mapping[Node, list[str]]:
        """The names that each call is the last to use."""
        kept = {self._origin(node) for node in [*self._inputs, *results]} | set(self._fixed)
        seen, last_use = set(kept), {}
        for call in reversed(calls):
            used = {self._origin(each) for each in call.all_input_nodes} | {call}
            last_use[call] = [node.name for node in used - seen]
            seen |= used
        return last_use


def _looks_alike(view: Node, viewed: Node) -> bool:
    """Whether a view is the very tensor that it was made of: it has no place for fewer elements or other ones."""
    mine, other = view.meta["tensor_meta"], viewed.meta["tensor_meta"]
    return (mine.shape, mine.stride, mine.dtype) == (other.shape, other.stride, other.dtype)


def _entrance(operator: Any) -> Callable[..., Any]:
    """The way to an operator that takes least time: torch.add or Tensor.view, if there is such a one in C++."""
    name = operator._schema.name.removeprefix("aten::")
    for place in (torch._C._VariableFunctions, torch._C.TensorBase, torch._C._nn):
        if hasattr(place, name):
            return cast("Callable[..., Any]", getattr(place, name))
    return cast("Callable[..., Any]", operator._op)


def _with_numbers_as_tensors(node: Node) -> list[Any]:
    """The positional arguments of a call, each number in a tensor's place as the tensor that PyTorch makes of it."""
    target: Any = node.target
    types = [each.meta["tensor_meta"].dtype for each in node.all_input_nodes if "tensor_meta" in each.meta]

    def tensor_of(number: float) -> Tensor:
        like = torch.empty((), dtype=functools.reduce(torch.promote_types, types))
        return torch.tensor(number, dtype=torch.result_type(like, number))

    return [
        tensor_of(value) if isinstance(value, int | float) and isinstance(formal.type, torch.TensorType) else value
        for value, formal in zip(node.args, target._schema.arguments, strict=False)
    ]


def _release(names: Sequence[str]) -> str:
    """Frees the memory as early as PyTorch would."""
    return f"; del {', '.join(names)}" if names else ""
