"""Locks a study: its hypotheses and settings are stored before its first step; later changes are amendments."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnlab.store import StudyLock, add_study_lock, as_text, digest_of_study, read_study_locks


@dataclass(frozen=True)
class Amendment:
    """A change of a locked study.

    Attributes:
        at: the time (UTC).
        what: the key that was changed, e.g. "hypotheses.faster.margin".
        before: the old value; "-" for none.
        after: the new value.
    """

    at: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"amended {self.at}: {self.what} was {self.before} and is {self.after}"


@dataclass(frozen=True)
class Locked:
    """A study's current lock, and the changes since the first one."""

    lock: StudyLock
    amendments: Sequence[Amendment]


def lock(runs_dir: Path, name: str, said: Mapping[str, Any], trained: int) -> Locked:
    """Locks a study, unless its current lock has the same content.

    Args:
        runs_dir: the folder of the runs.
        name: the lock's name.
        said: what is locked, see `Plan.said`.
        trained: how many replicates have a result already.

    Raises:
        StorageError: the lock cannot be stored.
        UserError: a stored lock is damaged.
    """
    locks = read_study_locks(runs_dir, name)
    if not _is_locked_to(locks, said):
        locks.append(add_study_lock(runs_dir, name, said, trained))
    return Locked(locks[-1], _amendments(locks))


def lock_of(runs_dir: Path, name: str, said: Mapping[str, Any]) -> Locked | None:
    """The current lock of a study; None if it is not locked, or with other content. See `lock` for the arguments.

    Raises:
        UserError: a stored lock is damaged.
    """
    locks = read_study_locks(runs_dir, name)
    return Locked(locks[-1], _amendments(locks)) if _is_locked_to(locks, said) else None


def _is_locked_to(locks: Sequence[StudyLock], said: Mapping[str, Any]) -> bool:
    return bool(locks) and locks[-1].digest == digest_of_study(said)


def _amendments(locks: Sequence[StudyLock]) -> list[Amendment]:
    found = []
    for before, after in itertools.pairwise(locks):
        old, new = dict(_flat(before.said)), dict(_flat(after.said))
        changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        found += [Amendment(after.at, key, old.get(key, "-"), new.get(key, "-")) for key in changed]
    return found


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat = []
    for key, value in tree.items():
        inside = isinstance(value, Mapping) and value
        flat += _flat(value, f"{prefix}{key}.") if inside else [(f"{prefix}{key}", as_text(value))]
    return flat
