"""Finds a layer of the plain models in a stack, by its path: its parameters, its buffers and what passes through it.

Shapes: R replicates, N batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from bnlab.declarations import Calls
from bnlab.lifting.lifted import Cut, Holder, Lifted, Looped, Owned, Single, Takes, owned_by, spread
from bnlab.lifting.walk import declared


def owned_parameters(stack: nn.Module) -> list[Owned]:
    """All parameters of a lifted stack with their owners; the last layer that has weights makes the logits."""
    found = layers_with_parameters(stack)
    weighted = [path for path, each in found if each.unit_axis is not None and not each.of_norm]
    return [replace(each, of_output=not each.of_norm and path in weighted[-1:]) for path, each in found]


def layers_with_parameters(stack: nn.Module) -> list[tuple[str, Owned]]:
    """The parameters of a stack, each with its layer's path in the plain models, in the network's order."""
    seen: dict[int, tuple[str, Owned]] = {}
    for path, layer in _layers_below(stack, ""):
        for each in layer.owned() if isinstance(layer, Lifted) else owned_by(layer, 0):
            seen.setdefault(id(each.tensor), (path, each))
    return list(seen.values())


def layers_with_buffer(stack: nn.Module, name: str) -> list[str]:
    """The paths, in the plain models, of the layers that have a buffer of this name in some replicate."""
    found = {path: None for path, layer in _layers_below(stack, "") if any(True for _ in _buffers(layer, name))}
    return list(found)


def _buffers(layer: nn.Module, name: str) -> Iterator[Tensor]:
    return (buffer for own, buffer in layer.named_buffers() if own.rpartition(".")[2] == name)


def _layers_below(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a stack with their paths in the plain models. They are lifted, or, in a stack of one, plain."""
    if isinstance(module, Single):
        yield from _plain_below(module.model, path)
    elif isinstance(module, Cut):
        for layer in module.layers:
            yield from _layers_below(layer, path)
    elif isinstance(module, Holder):
        yield from _layers_below(module.holder, path)
    elif isinstance(module, Lifted):
        yield path, module
    else:
        for name, child in module.named_children():
            yield from _layers_below(child, _joined(path, name))


def _plain_below(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(declared(module), Calls):
        for name, child in module.named_children():
            yield from _plain_below(child, _joined(path, name))
    else:
        yield path, module


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@dataclass
class Passed:
    """The inputs and outputs of a layer in some replicates.

    Attributes:
        owners: these replicates.
        kind: the layer's class in their plain models.
        inputs, outputs: (R, N, ...), one for each call of the layer, R being these replicates.
    """

    owners: Sequence[int]
    kind: type[nn.Module]
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)

    def forget(self) -> None:
        """Drops what has been kept so far."""
        self.inputs.clear()
        self.outputs.clear()


@contextmanager
def passing(stack: nn.Module, paths: Sequence[str], takes: Takes) -> Iterator[dict[str, list[Passed]]]:
    """Keeps the inputs and outputs of layers within the `with`, by path.

    A layer has several parts where the replicates have different kinds of it (other norm, other activation).

    Args:
        stack: as `lift` makes it.
        paths: of layers in the plain models. Some replicates, or all, may not have one.
        takes: which of the U batches each replicate takes, as for `lift`.
    """
    hooks: list[RemovableHandle] = []
    found: dict[str, list[Passed]] = {}
    for path in paths:
        found[path] = []
        for module, is_plain, owners in places_of(stack, path, range(len(takes))):
            part = Passed(owners, type(module.plain[0] if isinstance(module, Lifted) else module))
            hooks.append(module.register_forward_hook(_keeper(part, is_plain, [takes[each] for each in owners])))
            found[path].append(part)
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _keeper(part: Passed, is_plain: bool, takes: Takes) -> Any:
    def keep(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        for kept, value in ((part.inputs, arguments[0]), (part.outputs, output)):
            each = value.detach().unsqueeze(0) if is_plain else value.detach()
            kept.append(spread(each, takes))

    return keep


def buffers_of(stack: nn.Module, path: str, name: str, replicates: int) -> Iterator[tuple[Sequence[int], list[Tensor]]]:
    """The buffers of this name in a layer, with the replicates that they are of: one buffer of all, or one of each."""
    for place in places_of(stack, path, range(replicates)):
        found = list(_buffers(place.module, name))
        if found:
            yield place.owners, found


class Place(NamedTuple):
    """A module of the stack that does the work of a layer for the replicates `owners`.

    `is_plain`: it is the plain layer of one replicate, whose tensors have no replicate axis.
    """

    module: nn.Module
    is_plain: bool
    owners: Sequence[int]


def places_of(module: nn.Module, path: str, owners: Sequence[int]) -> Iterator[Place]:
    """Finds a layer by its path in a stack, or in a part of one, for those of the replicates `owners` that have it."""
    if isinstance(module, Cut):
        parts = torch.tensor(module.owners).split(module.sizes)
        for layer, part in zip(module.layers, parts, strict=True):
            yield from places_of(layer, path, part.tolist())
    elif not path:
        yield Place(module, False, owners)
    elif isinstance(module, Single):
        yield from _child(module.model, path, owners)
    elif isinstance(module, Looped):
        for layer, owner in zip(module.layers, owners, strict=True):
            yield from _child(layer, path, [owner])
    elif isinstance(module, Holder):
        yield from places_of(module.holder, path, owners)
    elif not isinstance(module, Lifted):
        name, _, rest = path.partition(".")
        child = module._modules.get(name)
        if child is not None:
            yield from places_of(child, rest, owners)


def _child(module: nn.Module, path: str, owners: Sequence[int]) -> Iterator[Place]:
    try:
        yield Place(module.get_submodule(path), True, owners)
    except AttributeError:
        return
