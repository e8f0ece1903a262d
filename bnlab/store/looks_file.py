"""`.looks.jsonl` in a runs folder: planned numbers of seeds, and when verdicts were read (optional stopping).

A line is a `Plan` or a `Look` as JSON, with the version of this format as "schema" and the time (UTC); lines are only
appended.
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
    """A number of seeds that was fixed beforehand.

    Attributes:
        planned: seeds per arm.
        finished: how many replicates had finished when the plan was made.
    """

    planned: int
    finished: int


@dataclass(frozen=True)
class Look:
    """The verdicts of a comparison were read.

    Attributes:
        comparison: a digest of the metric, the baseline and the arms, which tells comparisons apart.
        metric: the metric's name, for people who read the file.
        seeds: the number of seeds of the arm with the fewest.
        values: the number of seeds of all arms together.
    """

    comparison: str
    metric: str
    seeds: int
    values: int


def read(runs_dir: Path) -> tuple[list[Plan | Look], list[str]]:
    """All plans and looks in the order in which they were written, and a message for each line that is neither."""
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
    """Adds a line in a single write, so that lines of two processes do not mix. Raises StorageError."""
    path = runs_dir / LOOKS
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with storage_errors(path):
        begin = "\n" if _is_cut_off(path) else ""
        append(path, f"{begin}{json.dumps({'schema': SCHEMA, 'at': at, **asdict(entry)})}\n")


def _is_cut_off(path: Path) -> bool:
    """Whether the last line lacks its line break, as after a write that was cut off. Raises OSError."""
    try:
        return not read_bytes(path, MOST_BYTES).endswith(b"\n")
    except FileNotFoundError:
        return False


def _entry(line: str) -> Plan | Look:
    """The plan or look in a line. Raises DamagedError if it is neither."""
    found = json_object(line)
    if found.pop("schema", None) != SCHEMA:
        raise DamagedError(f"schema {SCHEMA} is expected")
    found.pop("at", None)
    kind: type[Plan | Look] = Plan if "planned" in found else Look
    types = {each.name: str if each.type == "str" else int for each in fields(kind)}
    if {name: type(value) for name, value in found.items()} != types:
        raise DamagedError(f"{', '.join(types)} are expected")
    return kind(**found)
