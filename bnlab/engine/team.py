"""Threads that work side by side, each through its own shards of a stack."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")

LOOK_EVERY = 0.1
"""Seconds until an interrupt is seen, at most."""


class Team:
    """So many workers, with a share of PyTorch's CPU threads each; a context.

    Each worker takes denormal numbers (below 1.2e-38 in float32) for zero, and so do the threads that PyTorch starts
    for it; not so those that the main thread has started before. A CPU computes with such numbers many times slower,
    and Adam's average of the gradient of a weight whose pixel is hardly ever lit decays by its beta at every step until
    it is one, and stays so: 0.9 of the smallest of them is rounded up to it again. No weight changes by the flushing: a
    denormal average moves one by less than 1e-30.
    """

    def __init__(self, size: int, threads: int) -> None:
        share = max(1, threads // size)

        def begin() -> None:
            torch.set_num_threads(share)
            torch.set_flush_denormal(True)

        # A pool of one each: a shard stays with its thread, and what that frees and asks for again in its cache.
        self._workers = [ThreadPoolExecutor(1, initializer=begin) for _ in range(size)]
        self._is_used = False
        self.is_given_up = threading.Event()
        """Set where nobody waits for the results any more."""

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_given_up.set()
        for worker in self._workers:
            worker.shutdown()
        torch.set_num_threads(torch.get_num_threads())  # a worker's share was MKL's choice for all threads

    def together(self, tasks: Sequence[Callable[[], Result]]) -> list[Result]:
        """The tasks' results; what the first failed one raised, once all have ended.

        A task is always done by the same worker, and each worker does its own in turn. The first time all run one after
        the other: PyTorch records or compiles in one thread at a time.
        """
        futures = []
        for worker, task in zip(itertools.cycle(self._workers), tasks, strict=False):
            futures.append(worker.submit(task))
            if not self._is_used:
                _wait(futures)
        self._is_used = True
        _wait(futures)
        return [future.result() for future in futures]


def _wait(futures: Sequence[Future[Any]]) -> None:
    """Wakes up now and then: a signal that another thread receives does not end the main thread's wait."""
    while wait(futures, timeout=LOOK_EVERY).not_done:
        pass
