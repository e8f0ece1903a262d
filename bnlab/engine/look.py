"""A look at a stack: the measurements around one of its steps. They leave the stack as it was, to the bit.

Shapes: R replicates, N batch, U distinct batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from bnlab.data import Split
from bnlab.engine.step import Step
from bnlab.lifting import Owned, Passed, Takes, buffers_of, layers_with_buffer, layers_with_parameters, passing

Values = Mapping[tuple[str, str], Tensor]
"""Measured values (R,), by layer and quantity; NaN for a replicate that has no such value."""

WHOLE = "model"
"""In the place of a layer's path: the whole model."""


@dataclass(frozen=True)
class Inspection:
    """A measurement at the first step of a stack, and again every so many steps.

    Attributes:
        name: the name under which its values are reported.
        every: steps from one measurement to the next.
        of: measures in a look.
    """

    name: str
    every: int
    of: Callable[[Look], Values]

    def is_due(self, step: int) -> bool:
        """Whether to measure at this step, counted from 0."""
        return step % self.every == 0


@dataclass(frozen=True)
class Inspected:
    """The values (R,) of one look, by inspection, layer and quantity.

    `step`: the steps done before the look.
    """

    step: int
    values: Mapping[tuple[str, str, str], Tensor]


class Look:
    """One step of a stack, with the weights before and after it.

    It is made before the step, and `measure` is called after it. Every pass through the stack is in training mode and
    starts from the running statistics and the dropout masks of the step: with the weights before the step, a pass of
    its batch repeats the step's own forward pass.

    Args:
        stack: as `lift` makes it.
        step: trains the stack on a batch.
        parameters: the trained ones of the stack.
        takes: which of the U batches each replicate takes.
        members: the replicates' places among those of all shards.
        data: of the training.
        images, labels: the batch, (U, N, ...) and (R, N).
        rates: each replicate's learning rate at this step.
    """

    def __init__(
        self,
        stack: nn.Module,
        step: Step,
        parameters: Sequence[Tensor],
        takes: Takes,
        members: Sequence[int],
        data: Split,
        images: Tensor,
        labels: Tensor,
        rates: Sequence[float],
    ) -> None:
        self._stack, self._step, self._parameters, self._takes = stack, step, parameters, takes
        self._data, self._images, self._labels = data, images, labels
        self.members, self.rates = members, torch.tensor(rates, dtype=torch.float64)
        self._buffers = [buffer.clone() for buffer in stack.buffers()]
        self._layers = _layers(stack, parameters, nobody=len(members))
        self._has = {
            layer: torch.isin(torch.arange(len(members)).to(labels.device), torch.cat([owners for _, owners in mine]))
            for layer, mine in self._layers.items()
        }
        self.before = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def measure(self, inspections: Sequence[Inspection]) -> dict[tuple[str, str, str], Tensor]:
        """Measures, after the step: the values by inspection, layer and quantity. The stack is as it was afterwards."""
        self.after = [parameter.detach().clone() for parameter in self._parameters]
        buffers = [buffer.clone() for buffer in self._stack.buffers()]
        try:
            return {
                (each.name, *key): value.double().cpu() for each in inspections for key, value in each.of(self).items()
            }
        finally:
            _fill(self._parameters, self.after)
            _fill(self._stack.buffers(), buffers)

    @property
    def layers(self) -> list[str]:
        """The paths, in the plain models, of the layers with trained parameters, in the network's order."""
        return list(self._layers)

    @cached_property
    def gradients(self) -> list[Tensor]:
        """The step's gradients, one for each parameter of the stack."""
        return self.loss_and_gradients(self.before)[1]

    def loss_and_gradients(self, weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The mean losses (R,) of the batch with these weights, and their gradients."""
        self._begin_with(weights)
        with torch.enable_grad():
            log_probabilities, gradients = self._step.differentiate(self._images, self._labels)
        losses = -log_probabilities.gather(1, self._labels.unsqueeze(1)).squeeze(1).mean(1)
        return losses.double(), gradients

    @contextmanager
    def passing(self, layers: Sequence[str]) -> Iterator[dict[str, list[Passed]]]:
        """Keeps what passes through these layers within the `with`, by layer; see `bnlab.lifting.passing`."""
        with passing(self._stack, layers, self._takes) as passed:
            yield passed

    def pass_batch(self) -> None:
        """Passes the step's batch, the last one if it has several, with the weights before the step."""
        self._begin_with(self.before)
        self._stack(self._step.pixels(self._images[:, -self._step.batch_size :]))

    def pass_training_set(self) -> Iterator[None]:
        """Passes the training images, a batch at each turn of the iterator, with the weights before the step.

        The batches have the training's size. Images that are left over at the end are left out, since a smaller batch
        would have other statistics.
        """
        self._begin_with(self.before)
        size, train = self._step.batch_size, self._data.train
        for start in range(0, max(len(train) - size, 0) + 1, size):
            images, _ = train.batch(start, min(start + size, len(train)))
            self._stack(self._step.pixels(images.to(self._images.device)))
            yield

    def layers_with(self, name: str) -> list[str]:
        """The layers that have a buffer of this name, such as running_mean, in some replicate."""
        return layers_with_buffer(self._stack, name)

    def no_values(self) -> Tensor:
        """Values (R,) that are all NaN, to be filled in for the replicates that have one."""
        return torch.full((len(self.members),), torch.nan, dtype=torch.float64, device=self._labels.device)

    def buffers_of(self, layer: str, name: str) -> Iterator[tuple[tuple[int, ...], Tensor]]:
        """A buffer of a layer as it was before the step: the replicates that have it, and their values (R, C)."""
        kept = dict(zip(map(id, self._stack.buffers()), self._buffers, strict=True))
        for owners, buffers in buffers_of(self._stack, layer, name, len(self.members)):
            values = torch.cat([kept[id(buffer)].flatten() for buffer in buffers])
            yield tuple(owners), values.reshape(len(owners), -1).double()

    def per_layer(self, tensors: Sequence[Tensor], others: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
        """Each layer's inner product (R,) of `tensors` and `others` (None: of `tensors` with themselves).

        Both have one tensor for each parameter of the stack, of its shape.
        """
        products = {}
        for layer, mine in self._layers.items():
            products[layer] = tensors[0].new_zeros(len(self.members) + 1, dtype=torch.float64)
            for number, owners in mine:
                values = tensors[number].reshape(len(owners), -1)
                other = values if others is None else others[number].reshape(len(owners), -1)
                products[layer].index_add_(0, owners, torch.linalg.vecdot(values, other).double())
        return {layer: product[:-1] for layer, product in products.items()}

    def norms(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """Each layer's Euclidean norm (R,), and the whole model's, of tensors of the parameters' shapes.

        NaN for a replicate that has no parameters in the layer.
        """
        squares = self.per_layer(tensors)
        lengths = {layer: torch.where(self._has[layer], square.sqrt(), torch.nan) for layer, square in squares.items()}
        return {**lengths, WHOLE: torch.stack(list(squares.values())).sum(0).sqrt()}

    def moved(self, lengths: Tensor) -> list[Tensor]:
        """The weights before the step, moved against each replicate's own gradient: w - length g, with lengths (R,)."""
        factors = torch.cat([lengths, lengths.new_zeros(1)])
        moved = [weight.clone() for weight in self.before]
        for mine in self._layers.values():
            for number, owners in mine:
                rows = moved[number].reshape(len(owners), -1)
                gradient = self.gradients[number].reshape(len(owners), -1)
                rows.sub_(gradient * factors[owners].to(rows.dtype).unsqueeze(1))
        return moved

    def mixed(self, layers: Sequence[str]) -> list[Tensor]:
        """The weights before the step, but in these layers those after it."""
        moved = {number for layer in layers for number, _ in self._layers[layer]}
        return [self.after[n] if n in moved else before for n, before in enumerate(self.before)]

    def _begin_with(self, weights: Sequence[Tensor]) -> None:
        _fill(self._parameters, weights)
        _fill(self._stack.buffers(), self._buffers)


def _layers(stack: nn.Module, parameters: Sequence[Tensor], nobody: int) -> dict[str, list[tuple[int, Tensor]]]:
    """Each layer's parameters: their numbers, and the owner of each block of their rows; `nobody` for none."""
    numbers = {id(parameter): number for number, parameter in enumerate(parameters)}
    found: dict[str, list[tuple[int, Tensor]]] = {}
    for path, owned in layers_with_parameters(stack):
        if id(owned.tensor) in numbers:
            found.setdefault(path, []).append((numbers[id(owned.tensor)], _owners(owned, nobody)))
    return found


def _owners(owned: Owned, nobody: int) -> Tensor:
    numbers = [nobody if owner is None else owner for owner in owned.owners]
    return torch.tensor(numbers, device=owned.tensor.device)


def _fill(tensors: Iterator[Tensor] | Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)
