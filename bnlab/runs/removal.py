"""Removing stored replicates, never those that a process is training."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from bnlab.runs.stored import Replicate, Run
from bnlab.store import read_all


def remove(runs: Sequence[Run]) -> list[Replicate]:
    """Removes the runs' replicates, and the folder of a run that has none left; returns what could not be removed.

    Raises:
        OSError: a folder cannot be removed.
    """
    kept: list[Replicate] = []
    for run in runs:
        with FileLock(run.path.parent / ".lock"):  # nobody claims a replicate meanwhile, see bnlab.claim
            kept += [replicate for replicate in run.replicates if not _remove(replicate.path)]
            _forget_stacks(run.path.parent)
        if not any(run.path.glob("seed-*")):
            shutil.rmtree(run.path, ignore_errors=True)
    return kept


def _forget_stacks(runs_dir: Path) -> None:
    """Removes the checkpoints of stacks of which no replicate is left: the next training starts anew."""
    for record in read_all(runs_dir):
        if not any(member.exists() for member in record.members):
            record.forget()


def _remove(folder: Path) -> bool:
    """False if a process is training it."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        # Its result goes first: half removed, it is a replicate that is not trained yet.
        with contextlib.suppress(FileNotFoundError):
            (folder / "result.json").unlink()
        shutil.rmtree(folder)
    finally:
        lock.release()
    return True
