"""The names of a launch's runs on the terminal: the settings that differ between them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnlab import runs
from bnlab.config import RunConfig
from bnlab.store import run_folder, settings_of_tree


@dataclass(frozen=True)
class Arms:
    """The runs of a launch.

    Attributes:
        names: of each run, such as "batch, lr 0.01"; a single run has its folder's name.
        keys: the settings that differ, ["norm.name", "optimizer.lr"].
    """

    names: Sequence[str]
    keys: Sequence[str]


def arms_of(configs: Sequence[RunConfig]) -> Arms:
    """The names of these runs, which must all differ."""
    settings = [settings_of_tree(config.protocol()) for config in configs]
    keys = runs.differing(settings)
    if not keys:
        return Arms([run_folder(config).name for config in configs], keys)
    return Arms(runs.arms(settings), keys)
