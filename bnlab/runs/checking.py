"""`bnlab runs check`: finds damaged, changed, missing and repeated files in a folder of runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bnlab.errors import UserError, shown
from bnlab.machine import is_folder
from bnlab.store import StoredRun, faults, identity, index_file, read_runs


@dataclass
class Checked:
    """The result of a check.

    Attributes:
        faults: a line for each fault, with the folder and what is wrong.
        replicates: how many were checked.
        unchecked: how many of these are finished and have no digests, so that changes cannot be noticed.
    """

    faults: list[str] = field(default_factory=list)
    replicates: int = 0
    unchecked: int = 0


def check(runs_dir: Path) -> Checked:
    """Checks every file that has a digest, in every run, and finds copies of the same replicate.

    Raises:
        UserError: there is no such folder.
    """
    if not is_folder(runs_dir):
        raise UserError(f"runs folder '{shown(runs_dir)}' does not exist; give one: --runs-dir FOLDER")
    checked = Checked()
    first: dict[tuple[object, ...], Path] = {}
    for run in read_runs(runs_dir):
        for path, reason in itertools.chain(_unreadable(run), index_file.missed(run)):
            checked.faults.append(f"{shown(path)}: {reason}")
        for replicate in run.replicates:
            checked.replicates += 1
            result = replicate.result
            if result is None:
                continue
            checked.unchecked += result.is_final and not result.is_sealed
            checked.faults += [f"{shown(replicate.path)}: {fault}" for fault in faults(replicate.path, result)]
            if run.config is not None:
                original = first.setdefault(identity(run.config, result), replicate.path)
                if original != replicate.path:
                    checked.faults.append(
                        f"{shown(replicate.path)}: it repeats {shown(original)}, of the same configuration and seed"
                    )
    return checked


def show_check(checked: Checked, console: Console) -> None:
    """Prints the faults, and how much was checked."""
    for fault in checked.faults:
        console.print(fault, markup=False, soft_wrap=True)
    unchecked = f"; {checked.unchecked} are from before there were digests: unchecked" if checked.unchecked else ""
    holds = f"{len(checked.faults)} faults" if checked.faults else "all of them hold"
    console.print(f"{checked.replicates} replicates: {holds}{unchecked}")


def _unreadable(run: StoredRun) -> Iterator[tuple[Path, str]]:
    if run.reason:
        yield run.path, run.reason
    for replicate in run.replicates:
        if replicate.reason:
            yield replicate.path, replicate.reason
