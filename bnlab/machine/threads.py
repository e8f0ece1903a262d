"""How many CPU threads PyTorch computes with.

What prepares a training uses one thread, by `use_threads(1)`; the training itself has its own (`bnlab.engine.team`).
PyTorch's threads never end, and a process must not have more of them than the machine has cores: they would then sleep
between kernels instead of spinning, and a small network's step would take several times as long.
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
    """Calls the function in a new thread, in which PyTorch computes with `count` threads that end with it."""

    def with_its_threads() -> Result:
        torch.set_num_threads(count)
        return call()

    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(with_its_threads).result()
    torch.set_num_threads(torch.get_num_threads())  # MKL takes the last choice of any thread for all
    return result


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Within the `with`, PyTorch computes with `count` threads in this thread. Also a decorator."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
