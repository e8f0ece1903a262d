"""What studies were locked to before they were trained, `.studies/NAME.jsonl` in a runs folder; only ever appended.

A line is a `StudyLock` as JSON, with the schema.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bnlab.errors import UserError
from bnlab.store.files import append, storage_errors
from bnlab.store.reading import DamagedError, json_object, read_text

STUDIES, SUFFIX = ".studies", ".jsonl"
SCHEMA = 1


@dataclass(frozen=True)
class StudyLock:
    """What a study said at one time.

    Attributes:
        at: the time (UTC).
        digest: the SHA-256 of what it said, as JSON with sorted keys.
        said: hypotheses, arms, sweep, seeds and all else that decides its verdicts, as plain values.
        trained: how many of its replicates had a result already, so that somebody may have looked at them.
    """

    at: str
    digest: str
    said: Mapping[str, Any]
    trained: int


def digest_of_study(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_study_locks(runs_dir: Path, name: str) -> list[StudyLock]:
    """What a study was locked to, in the order of time; nothing of one that never was.

    Raises:
        UserError: a line is no lock, or its digest is wrong.
    """
    path = _path(runs_dir, name)
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, DamagedError) as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())}); mend or remove it") from error
    return [_lock(path, number, line) for number, line in enumerate(lines, start=1)]


def add_study_lock(runs_dir: Path, name: str, said: Mapping[str, Any], trained: int) -> StudyLock:
    """Locks a study to what it says now, when so many of its replicates are trained. Raises StorageError."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lock = StudyLock(at, digest_of_study(said), said, trained)
    path = _path(runs_dir, name)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        append(path, json.dumps({"schema": SCHEMA, **asdict(lock)}) + "\n")
    return lock


def _path(runs_dir: Path, name: str) -> Path:
    return runs_dir / STUDIES / f"{name}{SUFFIX}"


def _lock(path: Path, number: int, line: str) -> StudyLock:
    try:
        found = json_object(line)
        if found.pop("schema", None) != SCHEMA:
            raise ValueError(f"schema {SCHEMA} is expected")
        lock = StudyLock(**found)
        if digest_of_study(lock.said) != lock.digest:
            raise ValueError("its digest is wrong: it was changed after it was stored")
    except (DamagedError, ValueError, TypeError) as error:
        raise UserError(f"{path}, line {number}, is no lock of a study ({error}); remove that line") from error
    return lock
