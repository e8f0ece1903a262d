"""What a tracker does, and whom it is told about."""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bnlab.config import RunConfig
from bnlab.store import run_folder, settings_of_tree


@dataclass(frozen=True, eq=False)
class Tracked:
    """A replicate in training: to a tracker one run, in a group with the other seeds of its arm."""

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
        """All that decides the result, `{"norm.eps": 1e-05, "model.hidden": "[128,64]", "seed": 0}`."""
        texts = settings_of_tree(self.config.protocol())
        return {**{name: _plain(text) for name, text in texts.items()}, "seed": self.seed}


def _plain(text: str) -> bool | float | str:
    """A number or truth value as such; a list stays the text that it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


class Ending(enum.StrEnum):
    """How the training of a replicate ended."""

    DONE = "done"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Tracker(Protocol):
    """Takes what is known of replicates, in a thread of its own. What it raises ends it, and not the training."""

    def begin(self, tracked: Tracked, step: int) -> None:
        """The training starts, or goes on from a step: what was told of later ones is told again."""

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        """Values after a step, `{"test/accuracy": 0.98}`."""

    def end(self, tracked: Tracked, ending: Ending) -> None:
        """Nothing more comes of this replicate."""

    def close(self) -> None:
        """Nothing more comes."""
