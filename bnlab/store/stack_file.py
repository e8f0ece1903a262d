"""`runs/.stacks/<digest>/members.json`: which replicates train together. It is read without importing torch."""

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
"""The folder in runs/ with a folder for each unfinished stack, and the file in it that lists the replicates."""


@dataclass(frozen=True)
class StackRecord:
    """A stack whose training has not finished.

    Attributes:
        folder: the stack's folder, which also holds its checkpoints.
        members: the folders of all its replicates, in order.
        rerun: whether the replicates are trained although they have results.
        started: whether the stack was trained for a while already, by this or another process.
        command: the command line that trains it; None if bnlab is used from Python.
        oom_kills: while it is in training, how many processes this machine had killed for lack of memory before it
            began; else None.
        probed: what is probed; None: nothing.
    """

    folder: Path
    members: Sequence[Path]
    rerun: bool
    started: bool
    command: str | None
    oom_kills: int | None = None
    probed: Probed | None = None

    def write(self) -> None:
        """Writes members.json, with paths relative to runs/, which may be moved. Raises StorageError."""
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
        """Removes the stack's folder with the checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read_all(runs_dir: Path) -> list[StackRecord]:
    """All stacks in a runs folder that can be read; those whose training was started come first."""
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
    oom_kills = record.get("oom_kills")  # missing in files of older versions
    if not isinstance(oom_kills, int | None):
        return None
    paths = [folder.parents[1] / member for member in members]
    return StackRecord(folder, paths, rerun, started, command, oom_kills, probed)


def _is_member(name: object) -> bool:
    """Whether it is a text `<run>/seed-N` that leads to a folder in runs/ and nowhere else."""
    run, _, seed = name.partition("/") if isinstance(name, str) else ("", "", "")
    return run not in ("", ".", "..") and "\0" not in run and SEED.fullmatch(seed) is not None
