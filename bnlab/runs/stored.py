"""The runs of a folder and the states of their replicates."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bnlab.errors import LONGEST_SHOWN, UserError, shown
from bnlab.machine import is_folder, why_no_folder
from bnlab.runs.settings import read_settings
from bnlab.store import is_claimed, result_file

STATES = ("done", "diverged", "running", "interrupted", "failed", "unreadable", "empty")
"""What a replicate may be in: `running` as long as a process holds its lock, else `interrupted`; `unreadable` if its
result.json or its run's config.yaml is damaged, missing, or of another schema; `empty` if nothing was written yet."""


@dataclass(frozen=True)
class Replicate:
    """A seed-N folder as it is now.

    Attributes:
        path: the folder.
        state: one of STATES.
        result: result.json; empty if it is unreadable.
        reason: why it is unreadable; else "".
        age: seconds since it was last written.
        size: bytes of its files.
    """

    path: Path
    state: str
    result: Mapping[str, Any]
    age: float
    size: int
    reason: str = ""

    @property
    def seed(self) -> int:
        return int(self.path.name.removeprefix("seed-"))

    @property
    def command(self) -> str | None:
        """What was typed to train it."""
        return self.result.get("command")

    def last_metric(self) -> tuple[str, float] | None:
        """The last accuracy known: on validation, else training images; from metrics.csv while there is no result."""
        accuracies = _accuracies(self.result.get("final", {}))
        if not accuracies and self.state in ("running", "interrupted", "failed"):
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
        replicates: none where a folder holds no seed-N.
        settings: config.yaml by dotted key, as text; empty if it cannot be read.
        reason: why config.yaml cannot be read; else "".
    """

    path: Path
    replicates: Sequence[Replicate]
    settings: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

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
    folders = sorted(path for path in runs_dir.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [run for path in folders if (run := _run(path, now)) is not None]


def only(run: Run, keep: Callable[[Replicate], bool]) -> Run:
    """The run with those of its replicates."""
    return replace(run, replicates=[replicate for replicate in run.replicates if keep(replicate)])


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
    """Epoch, loss and accuracy of each split in the last rows of its metrics.csv; none if that cannot be read."""
    try:
        with (replicate / "metrics.csv").open(encoding="utf-8", newline="") as file:
            return {
                row["split"]: {name: float(row[name]) for name in ("epoch", "loss", "accuracy")}
                for row in csv.DictReader(file)
            }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _run(path: Path, now: float) -> Run | None:
    """None for a folder that is being removed, or is no run's: it has neither config.yaml nor a seed-N."""
    config = path / "config.yaml"
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return None
    folders = [path / name for name in names if name.startswith("seed-") and name[5:].isdecimal()]
    if not folders and not config.exists():
        return None
    settings, reason = read_settings(config)
    replicates = [replicate for folder in folders if (replicate := _replicate(folder, now, reason)) is not None]
    return Run(path, sorted(replicates, key=lambda replicate: replicate.seed), settings, reason)


def _replicate(path: Path, now: float, broken: str) -> Replicate | None:
    """None for a folder that is being removed; `broken` is what is wrong with its run."""
    try:
        with os.scandir(path) as files:
            stats = [file.stat() for file in files if file.name != ".lock"]
        changed = max((stat.st_mtime for stat in stats), default=path.stat().st_mtime)
    except FileNotFoundError:
        return None
    result, reason = _result(path / "result.json") if stats else ({}, "")
    state = "empty" if not stats else "unreadable" if reason or broken else str(result["state"])
    if state in ("empty", "running"):
        state = "running" if is_claimed(path) else "interrupted" if stats else "empty"
    size = sum(stat.st_size for stat in stats)
    return Replicate(path, state, result, max(now - changed, 0.0), size, reason or (broken if stats else ""))


def _result(path: Path) -> tuple[dict[str, Any], str]:
    """The stored result, or nothing and the reason."""
    try:
        result = result_file.read(path)
    except FileNotFoundError:
        return {}, "no result.json"
    except result_file.DamagedResultError:
        return {}, "result.json is damaged"
    except result_file.OtherSchemaError as error:
        return {}, f"result.json {error}"
    if result.get("state") not in STATES:
        return {}, f"result.json has the state {shown(result.get('state'))}"
    return result, ""


def _accuracies(final: Mapping[str, float | None]) -> dict[str, float]:
    known = {name: value for name, value in final.items() if value is not None}
    return {name.removesuffix("_accuracy"): value for name, value in known.items() if name.endswith("_accuracy")}
