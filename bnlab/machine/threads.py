"""How many CPU threads PyTorch computes with.

Whatever prepares a training computes with one, `use_threads(1)`. The training has threads of its own
(`bnlab.engine.team`), and PyTorch's never end: where a process has more threads than the machine has cores, they sleep
between kernels instead of waiting awake, and a small network's step takes several times as long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")

DEFAULT_THREADS = torch.get_num_threads()
"""PyTorch's own choice: one per core, or as OMP_NUM_THREADS says."""


def in_own_thread(count: int, call: Callable[[], Result]) -> Result:
    """Has a new thread call it, with so many to compute with, which end with it."""

    def with_its_threads() -> Result:
        torch.set_num_threads(count)
        return call()

    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(with_its_threads).result()
    torch.set_num_threads(torch.get_num_threads())  # MKL takes the last choice of any thread for all
    return result


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """This thread computes with so many, afterwards with as many as before. Also a decorator."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
