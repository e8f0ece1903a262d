"""Removes stored replicates, but never those that a process is training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bnlab.errors import StorageError
from bnlab.runs.stored import Run
from bnlab.store import LOCK, TrainingError, lock_in, read_all, remove_replicate, remove_run


@dataclass
class Removed:
    """What was removed.

    Attributes:
        replicates: how many were removed; files in their folders that are not bnlab's stay.
        kept: what was not removed, with the reason.
    """

    replicates: int = 0
    kept: dict[Path, str] = field(default_factory=dict)


def remove(runs: Sequence[Run]) -> Removed:
    """Removes the runs' replicates, and the folder of a run that has none left.

    Raises:
        StorageError: the folder of runs cannot be locked.
    """
    removed = Removed()
    for run in runs:
        with _lock(run.path.parent):  # nobody claims a replicate meanwhile, see bnlab.store.claims
            for replicate in run.replicates:
                _remove_replicate(replicate.path, removed)
            _forget_stacks(run.path.parent)
            _remove_run(run, removed)
    return removed


@contextlib.contextmanager
def _lock(runs_dir: Path) -> Iterator[None]:
    try:
        lock = lock_in(runs_dir)
        lock.acquire()
    except OSError as error:
        raise StorageError(runs_dir / LOCK, error) from error
    try:
        yield
    finally:
        lock.release()


def _remove_replicate(folder: Path, removed: Removed) -> None:
    try:
        left = remove_replicate(folder)
    except TrainingError:
        removed.kept[folder] = "a process is training it"
    except FileNotFoundError:
        pass
    except OSError as error:
        removed.kept[folder] = f"it cannot be removed: {error.strerror}"
    else:
        removed.replicates += 1
        removed.kept |= dict.fromkeys(left, "it is none of bnlab's files")


def _remove_run(run: Run, removed: Removed) -> None:
    try:
        left = remove_run(run.path, had_replicates=bool(run.replicates))
    except FileNotFoundError:
        pass
    except OSError as error:
        removed.kept[run.path] = f"it cannot be removed: {error.strerror}"
    else:
        removed.kept |= dict.fromkeys(left, "it is none of bnlab's files")


def _forget_stacks(runs_dir: Path) -> None:
    """Removes the checkpoints of stacks without any replicate left, so that the next training starts anew."""
    for record in read_all(runs_dir):
        if not any(member.exists() for member in record.members):
            record.forget()
