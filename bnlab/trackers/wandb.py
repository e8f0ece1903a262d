"""`tracker=wandb`: a Weights & Biases run per replicate, in runs_dir/wandb; offline unless WANDB_MODE is set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnlab.store import State
from bnlab.trackers.tracker import Tracked

PROJECT = "bnlab"


class WandB:
    """Keeps several runs open at a time. They record values only, not the process, its output or its code."""

    def __init__(self, runs_dir: Path) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        runs_dir.mkdir(parents=True, exist_ok=True)
        self._wandb, self._folder = wandb, runs_dir
        self._runs: dict[Tracked, Any] = {}

    def begin(self, tracked: Tracked, step: int) -> None:
        self._runs[tracked] = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            mode=os.environ.get("WANDB_MODE") or "offline",
            group=tracked.arm,
            name=tracked.name,
            id=tracked.name.replace("/", "-"),  # so that a resumed training is one run after syncing
            config=tracked.settings,
            dir=self._folder,
            reinit="create_new",
            settings=self._wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                x_disable_stats=True,
                x_disable_meta=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        self._runs[tracked].log(dict(values), step=step)

    def end(self, tracked: Tracked, ending: State) -> None:
        run = self._runs.pop(tracked)
        run.summary["ending"] = ending.value
        run.finish(exit_code=0 if ending in (State.DONE, State.DIVERGED) else 1)

    def close(self) -> None:
        pass
