"""The threads that train a stack: each has some of its shards."""

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
"""Seconds. An interrupt is noticed within this time."""


class Team:
    """A number of worker threads, to be used in a `with`; PyTorch's own CPU threads are shared out among them.

    The workers treat denormal numbers (below 1.2e-38 in float32) as zero, since a CPU computes with them many times
    slower. They do occur: Adam's average of a gradient that is nearly always 0, such as that of a weight whose pixel is
    hardly ever lit, decays step by step until it is denormal, and then stays so by rounding. Treating it as zero
    changes no weight: a denormal average moves one by less than 1e-30.

    Args:
        size: number of workers.
        threads: number of PyTorch's CPU threads in all.
    """

    def __init__(self, size: int, threads: int) -> None:
        share = max(1, threads // size)

        def begin() -> None:
            torch.set_num_threads(share)
            torch.set_flush_denormal(True)

        # A pool of one thread each, so that a shard stays with its thread, and its memory in that thread's cache.
        self._workers = [ThreadPoolExecutor(1, initializer=begin) for _ in range(size)]
        self._is_used = False
        self.is_given_up = threading.Event()
        """Set when nobody waits for the results any more, as after an interrupt; tasks should end then."""

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_given_up.set()
        for worker in self._workers:
            worker.shutdown()
        torch.set_num_threads(torch.get_num_threads())  # a worker's call has set MKL's number, which all threads share

    def together(self, tasks: Sequence[Callable[[], Result]]) -> list[Result]:
        """Runs the tasks and returns their results; raises what the first failed one has raised, once all have ended.

        Task number n always goes to the same worker. The first time, when steps are recorded or compiled, the tasks run
        one after the other: PyTorch can do that in one thread only.
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
    """Waits, and wakes up every `LOOK_EVERY` seconds: Python handles a signal only when the main thread runs."""
    while wait(futures, timeout=LOOK_EVERY).not_done:
        pass
