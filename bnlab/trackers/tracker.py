"""The interface of a tracker, and the replicates that are tracked."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bnlab.config import RunConfig
from bnlab.store import State, run_folder, settings_of_tree


@dataclass(frozen=True, eq=False)
class Tracked:
    """A replicate in training. In a tracker it is one run, grouped with the other seeds of its arm."""

    config: RunConfig
    seed: int

    @functools.cached_property
    def arm(self) -> str:
        """The name of the run's folder, which all of its seeds share."""
        return run_folder(self.config).name

    @property
    def name(self) -> str:
        return f"{self.arm}/seed-{self.seed}"

    @functools.cached_property
    def settings(self) -> dict[str, bool | float | str]:
        """All settings that decide the result, e.g. `{"norm.eps": 1e-05, "model.hidden": "[128,64]", "seed": 0}`."""
        texts = settings_of_tree(self.config.protocol())
        return {**{name: _plain(text) for name, text in texts.items()}, "seed": self.seed}


def _plain(text: str) -> bool | float | str:
    """The number or truth value that a text stands for; any other text, as of a list, stays a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


class Tracker(Protocol):
    """Receives values of replicates, in its own thread. An exception ends the tracker, but not the training."""

    def begin(self, tracked: Tracked, step: int) -> None:
        """The training starts, or is resumed from a step; values of later steps come again."""

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        """Takes values after a step, e.g. `{"test/accuracy": 0.98}`."""

    def end(self, tracked: Tracked, ending: State) -> None:
        """The training of this replicate has ended."""

    def close(self) -> None:
        """The launch has ended; no more calls follow."""
