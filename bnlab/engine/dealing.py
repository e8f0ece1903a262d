"""How a stack's replicates are dealt to shards, and their results collected again. R replicates, T steps."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from bnlab.engine import pytorch_private
from bnlab.engine.evaluation import Score
from bnlab.engine.look import Inspected
from bnlab.engine.shard import Chunk, Replicate
from bnlab.lifting import is_known_throughout
from bnlab.machine import bytes_per_core

Dealt = TypeVar("Dealt")

LEAST_REPLICATES = 2
"""In a shard, where a thread has several. Half of the time of one replicate's step does not grow with their number."""

LARGE_KERNEL = 64 * 2**10
"""Bytes that the kernels of one replicate's forward pass write on average, from which they are large: calling one takes
little beside its work, so that another replicate in the shard gains nothing, and takes its place in the cache."""


def number_of_shards(replicates: Sequence[Replicate], threads: int, device: torch.device, images: Tensor) -> int:
    """Into how many shards to deal the replicates so that they train fastest.

    Each thread gets a shard as long as there are replicates: two threads for one shard would wait for each other at
    every kernel. It gets several, as many as the others, if the weights, gradients and moments of one, which every step
    reads and writes, would not fit a core's cache otherwise; but these have at least `LEAST_REPLICATES`. Replicates
    with large kernels (`LARGE_KERNEL`) have a shard each. On a GPU, and with a module that is not known to be safe in
    threads, there is one shard.

    Args:
        replicates: of one shape.
        threads: of the CPU, for all shards together.
        device: where they train.
        images: the float inputs of a batch.
    """
    if device.type != "cpu" or not all(is_known_throughout(replicate.model) for replicate in replicates):
        return 1
    if len(replicates) <= threads:
        return len(replicates)
    model = max((replicate.model for replicate in replicates), key=_bytes_of_a_step)
    if _bytes_of_a_kernel(model, images) >= LARGE_KERNEL:
        return len(replicates)
    fitting = max(LEAST_REPLICATES, bytes_per_core() // _bytes_of_a_step(model))
    rounds = math.ceil(len(replicates) / (fitting * threads))
    return min(rounds * threads, max(threads, len(replicates) // LEAST_REPLICATES))


def _bytes_of_a_step(model: nn.Module) -> int:
    """The bytes that a step reads and writes for a replicate: each parameter, its gradient and Adam's two moments."""
    return sum(4 * each.numel() * each.element_size() for each in model.parameters() if each.requires_grad)


@torch.no_grad()
def _bytes_of_a_kernel(model: nn.Module, images: Tensor) -> float:
    """The mean bytes that a kernel of the forward pass writes."""
    evaluated, written = copy.deepcopy(model).eval(), _Written()
    with written:
        evaluated(images)
    return written.bytes / written.kernels


class _Written(pytorch_private.Kernels):
    """Counts the kernels that are called while it is entered, and the bytes of their results."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels, self.bytes = 0, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.kernels += 1
            results = result if isinstance(result, tuple | list) else [result]
            self.bytes += sum(each.nbytes for each in results if isinstance(each, Tensor))
        return result


def deal(replicates: Sequence[Dealt], shards: int) -> list[Sequence[Dealt]]:
    """Deals the replicates in turn, like cards. A sweep lists them arm by arm: so every shard gets some of each arm."""
    return [replicates[number::shards] for number in range(shards)]


def collect(values: Sequence[Tensor]) -> Tensor:
    """Undoes `deal`: the shards' values (..., replicates of the shard) as one tensor (..., all replicates)."""
    whole = values[0].new_empty(*values[0].shape[:-1], sum(each.shape[-1] for each in values))
    for number, each in enumerate(values):
        whole[..., number :: len(values)] = each
    return whole


def collect_scores(scores: Sequence[Score]) -> Score:
    """Undoes `deal` for scores, which are all on the same images."""
    loss_sums, correct = collect([each.loss_sum for each in scores]), collect([each.correct for each in scores])
    kept = [each.is_right.T for each in scores if each.is_right is not None]
    return Score(loss_sums, correct, scores[0].images, collect(kept).T if kept else None)


def collect_observed(chunks: Sequence[Chunk]) -> dict[str, Tensor]:
    """Undoes `deal` for observations: (T, R, ...), by name."""
    return {
        name: collect([chunk.observed[name].movedim(1, -1) for chunk in chunks]).movedim(-1, 1)
        for name in chunks[0].observed
    }


def collect_inspected(chunks: Sequence[Chunk]) -> list[Inspected]:
    """Undoes `deal` for the results of inspections."""
    return [
        Inspected(parts[0].step, {key: collect([part.values[key] for part in parts]) for key in parts[0].values})
        for parts in zip(*(chunk.inspected for chunk in chunks), strict=True)
    ]
