"""Checkpoints of a stack in training: when to save one, and from which one to resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bnlab.errors import StorageError, shown
from bnlab.launch.recorder import Recorder
from bnlab.machine import Interrupt
from bnlab.store import DamagedError
from bnlab.store.checkpoint_file import BEFORE, CURRENT, load, save

PARTS = {"stack", "versions", "training", "records"}

SHARE = 0.02
"""The largest share of the training time that is spent on checkpoints."""

SLOWEST = 100e6
"""Assumed bytes per second of writing, until the first checkpoint has been measured."""


def _bytes(state: Any) -> int:
    """How many bytes the tensors in nested lists and dictionaries take."""
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    values = state.values() if isinstance(state, dict) else state if isinstance(state, (list, tuple)) else ()
    return sum(_bytes(value) for value in values)


def _in_words(versions: object) -> str:
    named = versions.items() if isinstance(versions, dict) else ()
    return shown(", ".join(f"{name} {version}" for name, version in named)) or "none known"


class Checkpoints:
    """The `Checkpointer` of a training: decides when a checkpoint is due, and writes it into the stack's folder.

    A checkpoint is due at each evaluation, and `every` seconds after the last one, but not if checkpoints would then
    take more than `SHARE` of the time. With `every=0` one is always due. An interrupt makes one due at once.

    Args:
        folder: the stack's.
        members: the names of its replicates' folders in order; a checkpoint of other members is not used.
        steps: the length of the whole training.
        every: seconds.
        versions: of the libraries that compute; a checkpoint of other versions is not used.
        recorder: its rows are part of the state.
        interrupt: whether the user wants to stop.
        say: prints a line for the user.
    """

    def __init__(
        self,
        folder: Path,
        members: Sequence[str],
        steps: int,
        every: float,
        versions: Mapping[str, str],
        recorder: Recorder,
        interrupt: Interrupt,
        say: Callable[[str], None],
    ) -> None:
        self._path, self._members, self._steps = folder / CURRENT, list(members), steps
        self._every, self._versions = every, dict(versions)
        self._recorder, self._interrupt, self._say = recorder, interrupt, say
        self._cost: float | None = None
        self._last = time.perf_counter()

    def load(self) -> Mapping[str, Any] | None:
        """Loads the newest intact checkpoint, and gives its rows to the recorder; None if there is none."""
        for path in (self._path, self._path.with_name(BEFORE)):
            try:
                state = load(path)
            except FileNotFoundError:
                continue
            except DamagedError as error:
                self._say(f"{path} is not used: {error}; going back to the one before, or to the start")
                continue
            foreign = self._foreign(state)
            if foreign:
                self._say(f"{path} is not used: {foreign}; going back to the one before, or to the start")
                continue
            training: Mapping[str, Any] = state["training"]
            self._recorder.load_state(state["records"])
            self._say(f"going on from step {training['step']}")
            return training
        return None

    def _foreign(self, state: Mapping[str, Any]) -> str:
        """Why a state does not belong to this training; empty if it does."""
        if not isinstance(state, dict) or set(state) != PARTS or not isinstance(state["training"], dict):
            return "it is not a training's"
        if state["stack"] != self._members:
            return "it is of another stack"
        if state["versions"] != self._versions:
            return f"it is by {_in_words(state['versions'])}"
        step = state["training"].get("step")
        if type(step) is not int or not 0 <= step <= self._steps:
            return f"it is at step {shown(step)} of {self._steps}"
        return ""

    def offer(self, step: int, state: Callable[[], dict[str, Any]], *, evaluated: bool) -> None:
        """Saves a checkpoint if one is due; a full disk is only reported. Raises KeyboardInterrupt at an interrupt."""
        stop, wanted = self._interrupt.requested, self._interrupt.take_wish_to_save()
        if self._cost is None:
            self._cost = 0.005 + _bytes(state()) / SLOWEST
        if not (stop or wanted or self._due(self._cost, evaluated)):
            return
        began = time.perf_counter()
        saved = {
            "stack": self._members,
            "versions": self._versions,
            "training": state(),
            "records": self._recorder.state(),
        }
        try:
            save(self._path, saved)
            outcome = f"saved at step {step}"
            if wanted and not stop:
                self._say(f"{outcome}, as SIGUSR1 asked; going on")
        except StorageError as error:
            outcome = f"no checkpoint at step {step}: {error}"
            self._say(outcome)
        self._last = time.perf_counter()
        self._cost = self._last - began
        if stop:
            raise KeyboardInterrupt(f"interrupted, {outcome}")

    def _due(self, cost: float, evaluated: bool) -> bool:
        if self._every == 0:
            return True
        passed = time.perf_counter() - self._last
        return passed * SHARE >= cost and (evaluated or passed >= self._every)
