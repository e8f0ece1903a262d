"""Removing runs and replicates: only files that bnlab wrote, known by their names; never the target of a link.

A folder is opened without following links, and its files are removed relative to the open folder: so nobody can put a
link in its place meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from bnlab.store import index_file
from bnlab.store.answers_file import ANSWERS
from bnlab.store.config_file import CONFIG, HASH
from bnlab.store.digests import WEIGHTS
from bnlab.store.files import LEFTOVER
from bnlab.store.index_file import INDEX
from bnlab.store.locks import LOCK, lock_in
from bnlab.store.probes_file import PROBES_FILE
from bnlab.store.replicate import DAMAGED, LOG
from bnlab.store.result_file import RESULT
from bnlab.store.rows_file import METRICS_FILE, TIMING_FILE
from bnlab.store.stored import SEED
from bnlab.store.tags_file import TAGS

OF_A_REPLICATE = (RESULT, METRICS_FILE, TIMING_FILE, ANSWERS, PROBES_FILE, WEIGHTS, LOG, LOCK)
"""The names of a replicate's files. result.json goes first: what is half removed then counts as not trained."""


class TrainingError(Exception):
    """A replicate cannot be removed, because a process is training it."""


def remove_replicate(folder: Path) -> list[Path]:
    """Removes a replicate's folder, or a link in its place; returns the paths that stay, as bnlab did not write them.

    Raises:
        TrainingError: a process is training it.
        OSError: something cannot be removed.
    """
    if folder.is_symlink():
        folder.unlink()
        return []
    _make_readable(folder)
    with _locked(folder):
        if (folder.parent / INDEX).exists():
            with contextlib.suppress(OSError):  # then `bnlab runs check` reports it as gone
                index_file.add(folder.parent, int(folder.name.removeprefix("seed-")), None)
        return _remove(folder, lambda name: name in OF_A_REPLICATE or name.startswith((DAMAGED, LEFTOVER)))


def remove_run(run: Path, *, had_replicates: bool) -> list[Path]:
    """Removes a run's folder if it holds no replicate, or a link in its place.

    Args:
        run: the folder.
        had_replicates: whether replicates of it were removed before. If not, and its name does not end in a hash, the
            folder may not be bnlab's, and stays.

    Returns:
        The paths that stay, as bnlab did not write them.

    Raises:
        OSError: something cannot be removed.
    """
    if run.is_symlink():
        run.unlink()
        return []
    if not had_replicates and HASH.fullmatch(run.name) is None:
        return [run]
    _make_readable(run)
    with os.scandir(run) as entries:
        if any(SEED.fullmatch(entry.name) for entry in entries):
            return []
    return _remove(run, lambda name: name in (CONFIG, TAGS, INDEX) or name.startswith(LEFTOVER))


def _make_readable(folder: Path) -> None:
    """Gives the owner the rights to a folder that lacks them, so that it can be removed."""
    status = os.lstat(folder)
    if stat.S_ISDIR(status.st_mode) and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        folder.chmod(0o700)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    from filelock import Timeout

    try:
        lock = lock_in(folder)
    except OSError:  # the lock is not a regular file: no process can hold it
        yield
        return
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TrainingError(folder) from error
    try:
        yield
    finally:
        lock.release()


def _remove(folder: Path, is_own: Callable[[str], bool]) -> list[Path]:
    """Removes the files with names of bnlab's own, and the folder if it is empty then; returns the paths that stay."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        names = sorted(os.listdir(opened), key=lambda name: (name != RESULT, name == LOCK, name))  # noqa: PTH208  # of the open folder
        left = [name for name in names if not (is_own(name) and _unlinked(name, opened))]
    finally:
        os.close(opened)
    if not left:
        folder.rmdir()
    return [folder / name for name in left]


def _unlinked(name: str, folder: int) -> bool:
    """Removes a file; False for a folder, which is not bnlab's even under such a name."""
    if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
        return False
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    return True
