"""`runs/.stacks/<digest>/members.json`: which replicates train together; read without importing what trains them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bnlab.store.files import replace
from bnlab.store.result_file import SCHEMA

STACKS, MEMBERS = ".stacks", "members.json"
"""The folder in runs/ of the stacks in training, and the file in a folder of each that says who trains together."""


@dataclass(frozen=True)
class StackRecord:
    """A stack that is not at its end.

    Args:
        folder: where it is kept, with the stack's checkpoints.
        members: the folders of all its replicates, in order.
        rerun: whether they are trained although they have results.
        started: whether it was trained for a while, by whomever.
        command: what was typed to train it, if it was.
    """

    folder: Path
    members: Sequence[Path]
    rerun: bool
    started: bool
    command: str | None

    def write(self) -> None:
        """The members are written relative to runs/, which may be moved."""
        record = {
            "schema": SCHEMA,
            "members": [f"{path.parent.name}/{path.name}" for path in self.members],
            "rerun": self.rerun,
            "started": self.started,
            "command": self.command,
        }
        replace(self.folder / MEMBERS, json.dumps(record, indent=2) + "\n")

    def forget(self) -> None:
        """Removes it and the checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_all(runs_dir: Path) -> list[StackRecord]:
    """All that can be read, those that were begun first."""
    records = [read(path.parent) for path in sorted(runs_dir.glob(f"{STACKS}/*/{MEMBERS}"))]
    readable = [record for record in records if record is not None]
    return sorted(readable, key=lambda record: not record.started)


def read(folder: Path) -> StackRecord | None:
    """The record in a stack's folder; None if there is none that can be read."""
    try:
        record = json.loads((folder / MEMBERS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        return None
    members, rerun, started, command = (record.get(key) for key in ("members", "rerun", "started", "command"))
    if not isinstance(members, list) or not members or not all(isinstance(member, str) for member in members):
        return None
    if not isinstance(rerun, bool) or not isinstance(started, bool) or not isinstance(command, str | None):
        return None
    return StackRecord(folder, [folder.parents[1] / member for member in members], rerun, started, command)
