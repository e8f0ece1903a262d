"""`runs/.stacks/<digest>/members.json`: which replicates train together; read without importing what trains them."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bnlab.errors import StorageError
from bnlab.store.files import replace
from bnlab.store.reading import MOST_BYTES, DamagedError, json_object, read_text
from bnlab.store.result_file import SCHEMA, Probed, probed_of
from bnlab.store.stored import SEED

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
        probed: how they are probed.
        oom_kills: while it is in training, how many processes this machine had killed for lack of memory before.
    """

    folder: Path
    members: Sequence[Path]
    rerun: bool
    started: bool
    command: str | None
    oom_kills: int | None = None
    probed: Probed | None = None

    def write(self) -> None:
        """The members are written relative to runs/, which may be moved. Raises StorageError."""
        for folder in (self.folder.parent, self.folder):
            if folder.is_symlink():
                raise StorageError(folder, OSError(errno.ELOOP, "it is a link, and links in runs_dir are not followed"))
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "members": [f"{path.parent.name}/{path.name}" for path in self.members],
            "rerun": self.rerun,
            "started": self.started,
            "command": self.command,
            "oom_kills": self.oom_kills,
        }
        if self.probed is not None:
            record["probed"] = asdict(self.probed)
        replace(self.folder / MEMBERS, json.dumps(record, indent=2) + "\n")

    def forget(self) -> None:
        """Removes it and the checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_all(runs_dir: Path) -> list[StackRecord]:
    """All that can be read, those that were begun first."""
    if (runs_dir / STACKS).is_symlink():
        return []
    try:
        with os.scandir(runs_dir / STACKS) as entries:
            folders = sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    readable = [record for folder in folders if (record := read(folder)) is not None]
    return sorted(readable, key=lambda record: not record.started)


def read(folder: Path) -> StackRecord | None:
    """The record in a stack's folder; None if there is none that can be read."""
    try:
        record = json_object(read_text(folder / MEMBERS, MOST_BYTES))
        probed = probed_of(record.get("probed"))
    except (OSError, DamagedError):
        return None
    if record.get("schema") != SCHEMA:
        return None
    members, rerun, started, command = (record.get(key) for key in ("members", "rerun", "started", "command"))
    if not isinstance(members, list) or not members or not all(map(_is_member, members)):
        return None
    if not isinstance(rerun, bool) or not isinstance(started, bool) or not isinstance(command, str | None):
        return None
    oom_kills = record.get("oom_kills")  # not there in records of before
    if not isinstance(oom_kills, int | None):
        return None
    paths = [folder.parents[1] / member for member in members]
    return StackRecord(folder, paths, rerun, started, command, oom_kills, probed)


def _is_member(name: object) -> bool:
    """Whether it is `<run>/seed-N`, in the runs/ of the record and nowhere else."""
    run, _, seed = name.partition("/") if isinstance(name, str) else ("", "", "")
    return run not in ("", ".", "..") and "\0" not in run and SEED.fullmatch(seed) is not None
