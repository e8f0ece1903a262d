"""The launch that this process is in: what its parts share, since Hydra hands nothing from one of them to the next."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from bnlab.launch import Outcome


@dataclass
class Launch:
    """One command's way through Hydra, as far as this process has a part in it.

    Attributes:
        dry_run: whether it trains nothing.
        began: by time.monotonic.
        single: the configuration of a launch without -m, which is trained when Hydra is done.
        fresh_seeds: that `seeds=+5` stands for, once they are known.
        finished: its runs, until they are shown.
    """

    dry_run: bool = False
    began: float = field(default_factory=time.monotonic)
    single: list[DictConfig] = field(default_factory=list)
    fresh_seeds: list[int] = field(default_factory=list)
    finished: list[list[Outcome]] = field(default_factory=list)


_launches: list[Launch] = []


def begin(*, dry_run: bool) -> Launch:
    """A launch begins, and no other goes on in this process."""
    _launches[:] = [Launch(dry_run=dry_run)]
    return launch()


def launch() -> Launch:
    """This process's launch; in a process that a launcher started, one that begins with the first question."""
    if not _launches:
        _launches.append(Launch())
    return _launches[0]
