"""The runs of a folder and the states of their replicates."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from bnlab.errors import LONGEST_SHOWN, UserError, shown
from bnlab.machine import is_folder, why_no_folder
from bnlab.store import (
    LOCK,
    DamagedError,
    Result,
    State,
    StoredConfig,
    StoredReplicate,
    StoredRun,
    Tags,
    environment,
    is_claimed,
    read_runs,
    read_scores,
    read_tags,
)

UNREADABLE, EMPTY = "unreadable", "empty"
STATES = (*State, UNREADABLE, EMPTY)
"""The states of a replicate: `running` as long as a process holds its lock, else `interrupted`; `unreadable` if its
result.json or its run's config.yaml is damaged, missing, or of another schema; `empty` if nothing was written yet."""


@dataclass(frozen=True)
class Replicate:
    """A stored replicate.

    Attributes:
        path: its folder seed-N.
        state: one of STATES.
        result: its result.json; None if it is unreadable, or not written yet.
        age: seconds since the folder was last written.
        size: bytes of its files.
        reason: why it is unreadable; else "".
    """

    path: Path
    state: str
    result: Result | None
    age: float
    size: int
    reason: str = ""

    @property
    def seed(self) -> int:
        return int(self.path.name.removeprefix("seed-"))

    @property
    def command(self) -> str | None:
        """The command that trained it, as it was typed; None if it is not known."""
        return None if self.result is None else environment.typed(self.result.command)

    @property
    def final(self) -> Mapping[str, float]:
        """The final scores by their names; empty without a result."""
        return {} if self.result is None else self.result.final

    def last_metric(self) -> tuple[str, float] | None:
        """The last known accuracy, and its split: validation, or else train. Without a result, from metrics.csv."""
        accuracies = _accuracies(self.final)
        if not accuracies and self.state in (State.RUNNING, State.INTERRUPTED, State.FAILED):
            accuracies = {split: row["accuracy"] for split, row in last_rows(self.path).items()}
        for split in ("validation", "train"):
            if split in accuracies:
                return split, accuracies[split]
        return None


@dataclass(frozen=True)
class Run:
    """A run's folder and its replicates in the order of their seeds.

    Attributes:
        path: the folder.
        replicates: empty if the folder has no seed-N.
        config: its config.yaml; None if that cannot be read.
        reason: why it cannot be read; else "".
        tags: the user's tags and note.
    """

    path: Path
    replicates: Sequence[Replicate]
    config: StoredConfig | None
    reason: str = ""
    tags: Tags = field(default_factory=Tags)

    @property
    def name(self) -> str:
        """The folder's name, with control characters escaped."""
        return shown(self.path.name)

    @property
    def state(self) -> str:
        """The state of a folder without replicates."""
        return UNREADABLE if self.config is None else EMPTY

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings in config.yaml, as text by dotted key; empty if it cannot be read."""
        return {} if self.config is None else self.config.settings


def read(runs_dir: Path) -> list[Run]:
    """Reads all runs of a folder, in the order of their names.

    Raises:
        UserError: there is no such folder.
    """
    if not is_folder(runs_dir):
        reason, hint = why_no_folder(runs_dir)
        raise UserError(
            f"runs folder '{shown(runs_dir)}' {reason}; train a run first: bnlab train, or give --runs-dir.{hint}"
        )
    now = time.time()
    return [_run(run, now) for run in read_runs(runs_dir)]


def only(run: Run, keep: Callable[[Replicate], bool]) -> Run:
    """The run with only those of its replicates for which `keep` is true."""
    return replace(run, replicates=[replicate for replicate in run.replicates if keep(replicate)])


def folder_of(given: Path, runs_dir: Path) -> Path:
    """The given path if it exists; else the folder of the run in `runs_dir` with this name, as `find` finds it.

    Raises:
        UserError: no run has this name, or several have.
    """
    if os.path.lexists(given) or given == runs_dir or len(given.parts) > 1 or not is_folder(runs_dir):
        return given
    return find(read(runs_dir), str(given)).path


def find(runs: Sequence[Run], wanted: str) -> Run:
    """The run with this name, or the only one whose name starts or ends with it.

    With `/seed-N` after the name, the run has only this replicate.

    Raises:
        UserError: no run matches, or several do; or the run has no such replicate.
    """
    name, _, seed = wanted.strip("/").partition("/")
    found = [run for run in runs if run.name == name]
    found = found or [run for run in runs if name and (run.name.startswith(name) or run.name.endswith(name))]
    if not found:
        near = get_close_matches(name[:LONGEST_SHOWN], [run.name for run in runs], n=3, cutoff=0.0)
        what = (
            f"nearest: {', '.join(near)}; see: bnlab runs" if near else "there is none at all; train one: bnlab train"
        )
        raise UserError(f"there is no run '{shown(name)}'; {what}")
    if len(found) > 1:
        names = ", ".join(run.name for run in found[:5])
        raise UserError(f"'{name}' is the beginning or end of {len(found)} runs ({names}); write more of it")
    (run,) = found
    if not seed:
        return run
    picked = [replicate for replicate in run.replicates if replicate.path.name == seed]
    if not picked:
        seeds = ", ".join(replicate.path.name for replicate in run.replicates)
        raise UserError(f"{run.name} has no '{seed}'; it has {seeds}")
    return replace(run, replicates=picked)


def last_rows(replicate: Path) -> dict[str, dict[str, float]]:
    """Epoch, loss and accuracy of each split, from the last rows of metrics.csv; empty if that cannot be read."""
    try:
        scores = read_scores(replicate)
    except (OSError, DamagedError):
        return {}
    return {row.split: {"epoch": row.epoch, "loss": row.loss, "accuracy": row.accuracy} for row in scores}


def _run(run: StoredRun, now: float) -> Run:
    replicates = [_replicate(replicate, run, now) for replicate in run.replicates]
    found = [replicate for replicate in replicates if replicate is not None]
    return Run(run.path, found, run.config, run.reason, read_tags(run.path))


def _replicate(stored: StoredReplicate, run: StoredRun, now: float) -> Replicate | None:
    """The replicate as it is now; None if its folder is being removed."""
    try:
        written, size = _written(stored.path)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = stored.reason or f"cannot be read: {error.strerror}"
        return Replicate(stored.path, UNREADABLE, None, 0.0, 0, reason)
    if size is None:
        state, reason = EMPTY, ""
    elif stored.result is None or run.reason:
        state, reason = UNREADABLE, stored.reason or run.reason
    else:
        state, reason = stored.result.state, ""
    if state in (EMPTY, State.RUNNING):
        idle = EMPTY if size is None else State.INTERRUPTED
        state = State.RUNNING if is_claimed(stored.path) else idle
    return Replicate(stored.path, str(state), stored.result, max(now - written, 0.0), size or 0, reason)


def _written(folder: Path) -> tuple[float, int | None]:
    """When a replicate's folder was last written, and the bytes of its files; None if there are none."""
    if folder.is_symlink():
        return folder.lstat().st_mtime, 0
    with os.scandir(folder) as files:
        stats = [file.stat(follow_symlinks=False) for file in files if file.name != LOCK]
    if not stats:
        return folder.stat().st_mtime, None
    return max(each.st_mtime for each in stats), sum(each.st_size for each in stats)


def _accuracies(final: Mapping[str, float]) -> dict[str, float]:
    return {name.removesuffix("_accuracy"): value for name, value in final.items() if name.endswith("_accuracy")}
