"""The runs of a folder and the states of their replicates."""

from __future__ import annotations

import csv
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnlab import schema
from bnlab.claim import is_claimed
from bnlab.errors import UserError, nearest, shown, unknown
from bnlab.paths import is_folder, why_no_folder

STATES = ("done", "diverged", "running", "interrupted", "failed", "unreadable")
"""What a replicate may be in: `running` as long as a process holds its lock, else `interrupted`; `unreadable` if its
result.json is damaged, or of another schema."""


@dataclass(frozen=True)
class Replicate:
    """A seed-N folder as it is now.

    Attributes:
        path: the folder.
        state: one of STATES.
        result: result.json; empty if it is unreadable.
        age: seconds since it was last written.
        size: bytes of its files.
    """

    path: Path
    state: str
    result: Mapping[str, Any]
    age: float
    size: int

    @property
    def seed(self) -> int:
        return int(self.path.name.removeprefix("seed-"))

    @property
    def command(self) -> str | None:
        """What was typed to train it."""
        command = self.result.get("command")
        return command if isinstance(command, str) else None

    def last_metric(self) -> tuple[str, float] | None:
        """The last accuracy known: on validation, else training images; from metrics.csv while there is no result."""
        accuracies = _accuracies(self.result.get("final"))
        if not accuracies and self.state in ("running", "interrupted", "failed"):
            accuracies = _last_rows(self.path / "metrics.csv")
        for split in ("validation", "train"):
            if split in accuracies:
                return split, accuracies[split]
        return None


@dataclass(frozen=True)
class Run:
    """A run's folder and its replicates in the order of their seeds."""

    path: Path
    replicates: Sequence[Replicate]

    @property
    def name(self) -> str:
        return self.path.name


def read(runs_dir: Path) -> list[Run]:
    """All runs of a folder, in the order of their names.

    Raises:
        UserError: there is no such folder.
    """
    if not is_folder(runs_dir):
        reason, hint = why_no_folder(runs_dir)
        raise UserError(
            f"runs folder '{shown(runs_dir)}' {reason}; train a run first: bnlab train, or give --runs-dir.{hint}"
        )
    now = time.time()
    runs = [Run(path, _replicates(path, now)) for path in sorted(runs_dir.iterdir()) if not path.name.startswith(".")]
    return [run for run in runs if run.replicates]


def select(runs: Sequence[Run], states: Collection[str] = (), name: str | None = None) -> list[Run]:
    """The runs whose name holds a text, with those of their replicates that are in one of some states.

    Raises:
        UserError: there is no such state.
    """
    for state in states:
        if state not in STATES:
            raise unknown("state", state, STATES)
    kept = [Run(run.path, [r for r in run.replicates if not states or r.state in states]) for run in runs]
    return [run for run in kept if run.replicates and (name is None or name in run.name)]


def find(runs: Sequence[Run], wanted: str) -> Run:
    """The run with that name, or the only one whose name starts or ends so.

    A `/seed-N` behind it picks one replicate.

    Raises:
        UserError: there is none, or there are several.
    """
    name, _, seed = wanted.strip("/").partition("/")
    found = [run for run in runs if run.name == name]
    found = found or [run for run in runs if name and (run.name.startswith(name) or run.name.endswith(name))]
    if not found:
        raise UserError(f"there is no run '{name}'; see: bnlab runs.{nearest(name, [run.name for run in runs])}")
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
    return Run(run.path, picked)


def _replicates(run: Path, now: float) -> list[Replicate]:
    folders = [path for path in run.glob("seed-*") if path.name.removeprefix("seed-").isdecimal()]
    replicates = [replicate for path in folders if (replicate := _replicate(path, now)) is not None]
    return sorted(replicates, key=lambda replicate: replicate.seed)


def _replicate(path: Path, now: float) -> Replicate | None:
    """None for a folder in which nothing was written yet, or that is being removed."""
    try:
        stats = [file.stat() for file in path.iterdir() if file.name != ".lock"]
    except FileNotFoundError:
        return None
    if not stats:
        return None
    result = _result(path / "result.json")
    state = result.get("state") if result.get("state") in STATES else "unreadable"
    if state == "running" and not is_claimed(path):
        state = "interrupted"
    age = max(now - max(stat.st_mtime for stat in stats), 0.0)
    return Replicate(path, str(state), result, age, sum(stat.st_size for stat in stats))


def _result(path: Path) -> dict[str, Any]:
    try:
        return schema.read(path)
    except (FileNotFoundError, schema.DamagedResultError, schema.OtherSchemaError):
        return {}


def _accuracies(final: object) -> dict[str, float]:
    if not isinstance(final, dict):
        return {}
    return {name.removesuffix("_accuracy"): value for name, value in final.items() if name.endswith("_accuracy")}


def _last_rows(path: Path) -> dict[str, float]:
    """The last accuracy of each split in metrics.csv."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["split"]: float(row["accuracy"]) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
