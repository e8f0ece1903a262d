"""The state of the current launch, which is global, since Hydra passes nothing from one part of a launch to another."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from bnlab.launch import Outcome


@dataclass
class Launch:
    """One command in this process.

    Attributes:
        dry_run: whether nothing is to be trained.
        began: when it began, by time.monotonic.
        single: without -m, the one configuration, which is trained when Hydra is done.
        fresh_seeds: the seeds that `seeds=+5` means, once they are known.
        finished: the outcomes of its runs that have not been shown yet.
    """

    dry_run: bool = False
    began: float = field(default_factory=time.monotonic)
    single: list[DictConfig] = field(default_factory=list)
    fresh_seeds: list[int] = field(default_factory=list)
    finished: list[list[Outcome]] = field(default_factory=list)


_launches: list[Launch] = []


def begin(*, dry_run: bool) -> Launch:
    """Begins a launch, in place of any earlier one of this process."""
    _launches[:] = [Launch(dry_run=dry_run)]
    return launch()


def launch() -> Launch:
    """The current launch. In a process that one of Hydra's launchers has started, the first call begins it."""
    if not _launches:
        _launches.append(Launch())
    return _launches[0]
