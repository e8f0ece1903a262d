"""Numbers too small for a full mantissa (below 1.2e-38 in float32), which a CPU computes with many times slower."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Takes denormal numbers for zero inside the block, in this thread and those that it starts.

    Adam's average of the gradient of a weight whose pixel is hardly ever lit decays by its beta at every step until it
    is denormal, and stays so: 0.9 of the smallest such numbers is rounded up to them again. A third of a step's time
    went there. No weight changes by it: a denormal average moves one by less than 1e-30.
    """
    before = _are_flushed()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _are_flushed() -> bool:
    return (torch.tensor(1e-40) * 1).item() == 0
