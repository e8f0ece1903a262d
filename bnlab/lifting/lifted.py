"""Lifted layers: each does the work of one layer in several replicates, and is made of their plain modules.

Shapes: R replicates of a slice of the stack, U distinct batches of N samples, C features of a layer. A batch that
several replicates take goes through the stack once, as one of (U, N, ...), up to the first layer with parameters; from
there on the tensors are (R, N, ...). The first axis of a lifted parameter has the replicates' values one after another.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from bnlab.declarations import Each


@dataclass(frozen=True)
class Owned:
    """A lifted parameter and who owns its values.

    Attributes:
        tensor: the parameter.
        owners: its first axis falls into equal blocks; the replicate that owns each (None: nobody).
        of_norm: whether it is a norm's.
        unit_axis: the axis of the tensor that counts the output units of a layer with weights; None: it is no matrix.
        of_output: whether it belongs to the layer that makes the logits.
    """

    tensor: Tensor
    owners: Sequence[int | None]
    of_norm: bool
    unit_axis: int | None = None
    of_output: bool = False

    def by_unit(self, values: Tensor) -> Tensor:
        """(B, U, ...) of values of the tensor's shape: what each output unit has; a vector is all of one unit."""
        if self.unit_axis is None:
            return values.reshape(len(self.owners), 1, -1)
        blocks: Tensor = values.unflatten(0, (len(self.owners), -1))
        return blocks.movedim(self.unit_axis + 1, 1)

    def from_units(self, values: Tensor) -> Tensor:
        """The inverse of `by_unit`."""
        if self.unit_axis is not None:
            values = values.movedim(1, self.unit_axis + 1)
        return values.reshape(self.tensor.shape)


Takes = Sequence[int]
"""Which of the U batches each replicate takes."""


def is_weighted(module: nn.Module) -> bool:
    """Whether its parameters are not a norm's: it is a linear or convolutional layer, or declares so."""
    is_linear = isinstance(module, nn.Linear | nn.Conv2d | Weighted)
    return is_linear or not vars(type(module)).get("has_norm_parameters", True)


def owned_by(module: nn.Module, owner: int) -> Iterator[Owned]:
    """All parameters of a plain module of one replicate, each once."""

    def below(module: nn.Module) -> Iterator[Owned]:
        if isinstance(module, Weighted):
            yield from module.owned()
            return
        is_of_weights = is_weighted(module)
        for parameter in module.parameters(recurse=is_of_weights):
            yield Owned(parameter, [owner], not is_of_weights, unit_axis=0 if parameter.ndim > 1 else None)
        if not is_of_weights:
            for child in module.children():
                yield from below(child)

    yield from {id(each.tensor): each for each in below(module)}.values()


def over_channels(values: Tensor, ndim: int) -> Tensor:
    """Values (R, C) in a shape that broadcasts over (R, N, C, ...), which has `ndim` dimensions."""
    return values.view(len(values), 1, -1, *(1,) * (ndim - 3))


def fold_features(x: Tensor) -> Tensor:
    """(R, N, C, ...) to (N, R C, ...): the replicates become more features."""
    return x.transpose(0, 1).flatten(1, 2)


def unfold_features(y: Tensor, replicates: int) -> Tensor:
    """(N, R C, ...) to (R, N, C, ...). Only strides change, so that folding again costs nothing."""
    unfolded: Tensor = y.unflatten(1, (replicates, -1))
    return unfolded.transpose(0, 1)


def spread(x: Tensor, takes: Takes) -> Tensor:
    """The batch of each replicate (R, N, ...), of the distinct batches (U, N, ...)."""
    if len(x) == len(takes):
        return x
    return x.expand(len(takes), *x.shape[1:]) if len(x) == 1 else x[list(takes)]


class Lifted(nn.Module):
    """One layer of several replicates.

    Args:
        plain: their plain layers.
        owners: the numbers of the replicates.
    """

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__()
        self.plain = tuple(plain)  # in a tuple, so that they are no submodules; `lower` fills them again
        self.owners = owners
        self.takes: Takes = range(len(owners))

    def owned(self) -> Iterator[Owned]:
        """Its parameters with their owners."""
        for parameter in self.parameters():
            yield Owned(parameter, self.owners, of_norm=True)

    def lower(self) -> None:
        """Copies the trained values back into the plain modules."""


class Weighted(Lifted):
    """A layer with a weight and a bias; some replicates, or all, may have no bias.

    Args:
        plain, owners: as in `Lifted`.
        weights: one per replicate, in the layout that the lifted layer uses.
        join: torch.stack or torch.cat: puts the replicates' values one after another on the first axis.
    """

    unit_axis: ClassVar[int]
    """Which axis of the weight counts the output units."""

    def __init__(
        self,
        plain: Sequence[nn.Linear] | Sequence[nn.Conv2d],
        owners: Sequence[int],
        weights: list[Tensor],
        join: Callable[[list[Tensor]], Tensor],
    ) -> None:
        super().__init__(plain, owners)
        self.weight = nn.Parameter(join(weights).contiguous())
        self.has_bias = [m.bias is not None for m in plain]
        rows = [torch.zeros(len(m.weight)) if m.bias is None else m.bias.detach() for m in plain]
        self.bias = nn.Parameter(join(rows).to(self.weight.dtype)) if any(self.has_bias) else None

    def owned(self) -> Iterator[Owned]:
        yield Owned(self.weight, self.owners, of_norm=False, unit_axis=self.unit_axis)
        if self.bias is not None:
            # Replicates without a bias have rows of zeros, which nobody owns, so that no optimizer updates them.
            owners = [owner if has else None for owner, has in zip(self.owners, self.has_bias, strict=True)]
            yield Owned(self.bias, owners, of_norm=False)


class Same(Lifted):
    """A layer without parameters that treats each value alone: one plain layer serves all replicates."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layer = copy.deepcopy(plain[0])
        hold_to_declaration(self.layer, Each.VALUE, lambda name, value: False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Holder(Lifted):
    """A module that calls its layers by its own forward, which runs as it is on the tensors of all replicates.

    Args:
        plain, owners: as in `Lifted`.
        holder: a copy of a plain one with lifted layers in it.
    """

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int], holder: nn.Module) -> None:
        super().__init__(plain, owners)
        self.holder = holder

    def forward(self, *inputs: Tensor) -> Tensor:
        y: Tensor = self.holder(*(spread(x, self.takes) for x in inputs))
        return y

    def owned(self) -> Iterator[Owned]:
        yield from ()  # its lifted layers give theirs


class Looped(Lifted):
    """Any other module: one call per replicate."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layers = nn.ModuleList(plain)

    def forward(self, *inputs: Tensor) -> Tensor:
        slices = zip(*(spread(x, self.takes).unbind() for x in inputs), strict=True)
        return torch.stack([layer(*parts) for layer, parts in zip(self.layers, slices, strict=True)])

    def owned(self) -> Iterator[Owned]:
        for owner, layer in zip(self.owners, self.layers, strict=True):
            yield from owned_by(layer, owner)


class Cut(nn.Module):
    """One layer of the stack where the replicates differ: neighbouring slices, each with its own lifted layer."""

    def __init__(self, layers: Sequence[nn.Module], slices: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.sizes = [len(owners) for owners in slices]
        self.owners = [owner for owners in slices for owner in owners]
        self.takes: Takes = range(len(self.owners))

    def forward(self, *inputs: Tensor) -> Tensor:
        slices = zip(*(spread(x, self.takes).split(self.sizes) for x in inputs), strict=True)
        return torch.cat([layer(*parts) for layer, parts in zip(self.layers, slices, strict=True)])


class Single(nn.Module):
    """A stack of one replicate: adds a replicate axis of length 1 to its model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images[0])
        return logits.unsqueeze(0)


def tensors_of(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of the module itself, not of its submodules."""
    return [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]


def tensor_of(module: nn.Module, name: str) -> Tensor:
    value = getattr(module, name)
    if not isinstance(value, Tensor):
        raise TypeError(f"{type(module).__name__}.{name} is no tensor but {type(value).__name__}")
    return value


def hold_to_declaration(layer: nn.Module, declared: Each, is_legal: Callable[[str, Tensor], bool]) -> None:
    """Raises TypeError if the layer has a tensor that its declaration does not allow, by `is_legal(name, tensor)`."""
    for name, value in itertools.chain(layer.named_parameters(), layer.named_buffers()):
        if not is_legal(name, value):
            raise TypeError(
                f"{type(layer).__name__} declares {declared} and has a tensor that this does not allow:"
                f" {name}, of shape {tuple(value.shape)}"
            )
