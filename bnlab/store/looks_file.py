"""What was planned and read in a runs folder, `.looks.jsonl`: a line each, only ever appended.

A line is a `Plan` or a `Look` as JSON, with the schema and the time (UTC).
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from bnlab.errors import shown
from bnlab.store.files import append, storage_errors
from bnlab.store.reading import MOST_BYTES, DamagedError, json_object, read_bytes, read_text

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


def read(runs_dir: Path) -> tuple[list[Plan | Look], list[str]]:
    """All lines in the order in which they were written, and in words what of the file is none of these."""
    path, entries, damage = runs_dir / LOOKS, list[Plan | Look](), list[str]()
    try:
        lines = read_text(path).split("\n")
    except FileNotFoundError:
        return [], []
    except (OSError, DamagedError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return [], [f"{shown(path)} cannot be read ({reason}): what was planned or looked at before is not known"]
    for number, line in enumerate(lines, start=1):
        try:
            entries += [_entry(line)] if line else []
        except DamagedError as error:
            damage.append(f"{shown(path)}, line {number}, is no plan and no look ({error}); it is passed over")
    return entries, damage


def add(runs_dir: Path, entry: Plan | Look) -> None:
    """Adds a line, in one write, so that those of two processes do not mix. Raises StorageError."""
    path = runs_dir / LOOKS
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with storage_errors(path):
        begin = "\n" if _is_cut_off(path) else ""
        append(path, f"{begin}{json.dumps({'schema': SCHEMA, 'at': at, **asdict(entry)})}\n")


def _is_cut_off(path: Path) -> bool:
    """Whether the last line has no end. Raises OSError."""
    try:
        return not read_bytes(path, MOST_BYTES).endswith(b"\n")
    except FileNotFoundError:
        return False


def _entry(line: str) -> Plan | Look:
    """Raises DamagedError."""
    found = json_object(line)
    if found.pop("schema", None) != SCHEMA:
        raise DamagedError(f"schema {SCHEMA} is expected")
    found.pop("at", None)
    kind: type[Plan | Look] = Plan if "planned" in found else Look
    types = {each.name: str if each.type == "str" else int for each in fields(kind)}
    if {name: type(value) for name, value in found.items()} != types:
        raise DamagedError(f"{', '.join(types)} are expected")
    return kind(**found)
