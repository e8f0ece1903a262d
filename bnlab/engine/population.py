"""Population statistics of norms that want them computed anew before an evaluation, as precise batch norm does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from bnlab.data import Split
from bnlab.lifting import without_noise


@runtime_checkable
class UsesPopulation(Protocol):
    """A norm that is shown training batches before it is evaluated.

    Attributes:
        population_batches: how many.
    """

    population_batches: int

    def begin_population(self) -> None:
        """The batches that pass in training mode from now on are the population."""

    def end_population(self) -> None:
        """The population is complete: what evaluation uses is made of it."""


@torch.no_grad()
def compute_population(stack: nn.Module, data: Split, batch_size: int, device: torch.device) -> None:
    """Passes training batches to the layers that use them; nothing else of the stack is changed.

    The batches are the first ones of the training part, in its own order: the same at every evaluation.
    """
    layers = [module for module in stack.modules() if isinstance(module, UsesPopulation)]
    if not layers:
        return
    images = min(max(layer.population_batches for layer in layers) * batch_size, len(data.train))
    if images > batch_size:
        images -= images % batch_size  # statistics of a smaller batch are of another kind
    dtype = next(stack.parameters()).dtype
    with buffers_kept(stack), without_noise(stack):
        for layer in layers:
            layer.begin_population()
        for start in range(0, images, batch_size):
            batch, _ = data.train.batch(start, min(start + batch_size, images))
            stack(data.scaling.to_float(batch.to(device), dtype))
    for layer in layers:
        layer.end_population()


@contextlib.contextmanager
def buffers_kept(stack: nn.Module) -> Iterator[None]:
    """Running statistics are as they were afterwards."""
    kept = {name: buffer.clone() for name, buffer in stack.named_buffers()}
    yield
    for name, buffer in stack.named_buffers():
        buffer.copy_(kept[name])
