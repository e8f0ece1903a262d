"""What was planned and read in a runs folder, `.looks.jsonl`: a line each, only ever appended.

A line is a `Plan` or a `Look` as JSON, with the schema and the time (UTC).
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bnlab.errors import UserError
from bnlab.store.files import append, storage_errors
from bnlab.store.reading import DamagedError, read_text

LOOKS = ".looks.jsonl"
SCHEMA = 1


@dataclass(frozen=True)
class Plan:
    """So many seeds per arm there will be; `finished` replicates there were when it was made."""

    planned: int
    finished: int


@dataclass(frozen=True)
class Look:
    """Verdicts of a comparison were read.

    Attributes:
        comparison: the digest of what was compared: metric, baseline and arms.
        metric: for people.
        seeds: of the arm with the fewest.
        values: the seeds of all arms together.
    """

    comparison: str
    metric: str
    seeds: int
    values: int


def read(runs_dir: Path) -> list[Plan | Look]:
    """All lines, in the order in which they were written.

    Raises:
        UserError: a line is none of these.
    """
    path = runs_dir / LOOKS
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, DamagedError) as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())}); mend or remove it") from error
    return [_entry(path, number, line) for number, line in enumerate(lines, start=1)]


def add(runs_dir: Path, entry: Plan | Look) -> None:
    """Adds a line, in one write, so that those of two processes do not mix. Raises StorageError."""
    path = runs_dir / LOOKS
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with storage_errors(path):
        append(path, json.dumps({"schema": SCHEMA, "at": at, **asdict(entry)}) + "\n")


def _entry(path: Path, number: int, line: str) -> Plan | Look:
    try:
        found: Any = json.loads(line)
        if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA:
            raise ValueError(f"schema {SCHEMA} is expected")
        found.pop("at", None)
        return Plan(**found) if "planned" in found else Look(**found)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}, line {number}, is no plan and no look ({error}); remove that line") from error
