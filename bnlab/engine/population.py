"""Population statistics: what norms such as precise batch norm compute from training images before each evaluation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from bnlab.data import Split
from bnlab.engine.products import fastest_products
from bnlab.lifting import without_noise


@runtime_checkable
class UsesPopulation(Protocol):
    """A norm that computes its statistics for evaluation from training batches, shown to it before each evaluation.

    Attributes:
        population_batches: how many batches it wants.
    """

    population_batches: int

    def begin_population(self) -> None:
        """Starts a new population: the batches that now pass in training mode."""

    def end_population(self) -> None:
        """Ends it, and computes the statistics for evaluation."""


@torch.no_grad()
def compute_population(stack: nn.Module, data: Split, batch_size: int, device: torch.device) -> None:
    """Passes training batches through the stack, for the norms that compute population statistics.

    Nothing else in the stack changes. The batches are the first of the training images in their stored order, the same
    at every evaluation.
    """
    layers = [module for module in stack.modules() if isinstance(module, UsesPopulation)]
    if not layers:
        return
    images = min(max(layer.population_batches for layer in layers) * batch_size, len(data.train))
    if images > batch_size:
        images -= images % batch_size  # a smaller batch would have other statistics
    dtype = next(stack.parameters()).dtype
    with buffers_kept(stack), without_noise(stack), fastest_products():
        for layer in layers:
            layer.begin_population()
        for start in range(0, images, batch_size):
            batch, _ = data.train.batch(start, min(start + batch_size, images))
            stack(data.scaling.to_float(batch.to(device), dtype))
    for layer in layers:
        layer.end_population()


@contextlib.contextmanager
def buffers_kept(stack: nn.Module) -> Iterator[None]:
    """Restores the buffers afterwards, running statistics among them."""
    kept = {name: buffer.clone() for name, buffer in stack.named_buffers()}
    yield
    for name, buffer in stack.named_buffers():
        buffer.copy_(kept[name])
