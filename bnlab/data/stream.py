"""`BatchStream`: the training batches, gathered from tensors in memory without a DataLoader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bnlab.data.batches import batches_per_epoch, order
from bnlab.data.parts import Part, distinct_seeds
from bnlab.seeds import batch_generator

GATHER_BYTES, MOST_BATCHES = 8 * 2**20, 100
"""Bytes and batches that are gathered at once, at most. One large selection is faster than many small ones, and this
size still fits the cache. An interrupt waits until these batches are trained."""


class BatchStream:
    """An endless stream of batches for R replicates. The order of a replicate's samples depends on its seed only.

    Replicates of the same seed get the same batches, which are gathered once and not copied.

    Args:
        part: the training part for replicates of these seeds.
        seeds: one per replicate.
        batch_size: images of a batch; the last one of an epoch has the remainder unless `drop_last`.
    """

    def __init__(
        self, part: Part, seeds: Sequence[int], batch_size: int, drop_last: bool, device: torch.device
    ) -> None:
        self._part, self._images, self._labels = part, part.images.to(device), part.labels.to(device)
        self._batch_size = batch_size
        distinct, takes = distinct_seeds(seeds)
        self._generators = [batch_generator(seed) for seed in distinct]
        self._rows = torch.tensor(takes, device=device)
        full = batches_per_epoch(len(part), batch_size, drop_last=True) * batch_size
        self._used = full if drop_last else len(part)
        self._order = torch.empty(len(distinct), 0, dtype=torch.long)
        bytes_per_batch = len(distinct) * batch_size * self._images[0].numel()
        self.batches_at_once = max(1, min(MOST_BATCHES, GATHER_BYTES // bytes_per_batch))

    def take(self, most: int) -> list[tuple[Tensor, Tensor]]:
        """The next batches of an epoch, at most `most`: uint8 images (U, N, 1, H, W) and labels (R, N) of each.

        U are the distinct seeds, in the order of `distinct_seeds`.
        """
        if self._order.shape[1] == 0:
            self._draw()
        batches = min(most, self.batches_at_once, self._order.shape[1] // self._batch_size)
        samples = batches * self._batch_size if batches else self._order.shape[1]  # else the epoch's remainder
        taken, self._order = self._order[:, :samples], self._order[:, samples:]
        # (T, U, N), so that each batch is contiguous and always has the same strides: for others a compiled step would
        # be compiled again.
        index = taken.unflatten(1, (max(batches, 1), -1)).transpose(0, 1)
        # index_select copies whole rows, several times as fast as indexing with a matrix of indices.
        images = self._images.index_select(0, index.flatten()).view(*index.shape, *self._images.shape[1:])
        labels = self._labels[index][:, self._rows]
        return list(zip(images, labels, strict=True))

    def state(self) -> dict[str, Any]:
        """The position: the generators' states before this epoch, and how many of its samples are taken."""
        return {"drawn_from": self._drawn_from, "taken": self._used - self._order.shape[1]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes to the position of a stream with the same seeds."""
        for generator, drawn_from in zip(self._generators, state["drawn_from"], strict=True):
            generator.set_state(drawn_from)
        self._draw()
        self._order = self._order[:, state["taken"] :]

    def _draw(self) -> None:
        """Draws the next epoch's order."""
        self._drawn_from = [generator.get_state() for generator in self._generators]
        orders = [order(len(self._part), generator)[: self._used] for generator in self._generators]
        self._order = self._part.rows(torch.stack(orders)).to(self._images.device)
