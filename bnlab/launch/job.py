"""`Job`: one replicate to train."""

from __future__ import annotations

from dataclasses import dataclass

from bnlab.config import RunConfig
from bnlab.store import ReplicateFolder


@dataclass(frozen=True)
class Job:
    """One replicate to train: a configuration and a seed."""

    config: RunConfig
    seed: int

    def folder(self) -> ReplicateFolder:
        return ReplicateFolder(self.config, self.seed)
