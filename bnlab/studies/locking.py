"""The lock: what a study says is stored before its first step, and a later change is an amendment."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnlab.store import StudyLock, add_study_lock, as_text, digest_of_study, read_study_locks


@dataclass(frozen=True)
class Amendment:
    """What of a locked study was changed, and when.

    Attributes:
        at: the time (UTC).
        what: the key: "hypotheses.faster.margin".
        before: as it was locked; "-" for nothing.
        after: as it is since.
    """

    at: str
    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"amended {self.at}: {self.what} was {self.before} and is {self.after}"


@dataclass(frozen=True)
class Locked:
    """A study's lock in force, and what was changed since the first one."""

    lock: StudyLock
    amendments: Sequence[Amendment]


def lock(runs_dir: Path, name: str, said: Mapping[str, Any], trained: int) -> Locked:
    """Locks a study to what it says, unless it is locked to that; `trained` replicates have a result.

    Raises:
        StorageError: it cannot be stored.
        UserError: what is stored is damaged.
    """
    locks = read_study_locks(runs_dir, name)
    if not _is_locked_to(locks, said):
        locks.append(add_study_lock(runs_dir, name, said, trained))
    return Locked(locks[-1], _amendments(locks))


def lock_of(runs_dir: Path, name: str, said: Mapping[str, Any]) -> Locked | None:
    """The lock of a study to what it says; None if it is not locked to that. Raises UserError if it is damaged."""
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
