"""`.studies/NAME.jsonl` in a runs folder: the text of a study as it was fixed before training (preregistration).

A line is a `StudyLock` as JSON, with the version of this format as "schema"; lines are only appended.
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
    """The content of a study at the time when it was locked.

    Attributes:
        at: the time (UTC), in ISO format.
        digest: the SHA-256 of `said` as JSON with sorted keys.
        said: hypotheses, arms, sweep, seeds and all else that decides the study's verdicts, as plain values.
        trained: how many of the study's replicates had a result already, so that their results may have been seen.
    """

    at: str
    digest: str
    said: Mapping[str, Any]
    trained: int


def digest_of_study(said: Mapping[str, Any]) -> str:
    """`StudyLock.digest` for the content of a study."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_study_locks(runs_dir: Path, name: str) -> list[StudyLock]:
    """All locks of a study, oldest first; empty if it was never locked.

    Raises:
        UserError: the file cannot be read, a line is no lock, or its digest is wrong.
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
    """Locks a study: adds a line with its present content and the time.

    Args:
        runs_dir: the folder of all runs.
        name: the study's name.
        said: the study's content, as in `StudyLock`.
        trained: how many of its replicates have a result already.

    Raises:
        StorageError: the file cannot be written.
    """
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
