"""Locks that share out the replicates among processes that train in one runs/; the kernel frees them when one ends.

Only one process at a time takes locks in a runs/, and it takes those of a stack together: so two processes with the
same sweep never split a stack between them. No process waits while it holds a replicate's lock, so there is no
deadlock.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bnlab.store.files import storage_errors
from bnlab.store.locks import LOCK, lock_in
from bnlab.store.replicate import ReplicateFolder

LONGEST_LOOK = 0.05
"""Seconds. A process that only asks whether a replicate is being trained holds its lock for much less than this."""


@contextlib.contextmanager
def claimed(runs_dir: Path, folders: Sequence[ReplicateFolder], *, whole: bool) -> Iterator[set[Path]]:
    """Locks the replicates that no other process has locked, without waiting for the others.

    Args:
        runs_dir: the folder of all runs.
        folders: the replicates.
        whole: lock all of them, or none if one is taken.

    Yields:
        The paths of the replicates that were locked; the locks are released at the end of the `with` block.

    Raises:
        StorageError: the runs folder or a replicate's folder cannot be made or locked.
    """
    _allow_open_files(len(folders))
    with storage_errors(runs_dir / LOCK):
        runs_dir.mkdir(parents=True, exist_ok=True)
        lock = lock_in(runs_dir)
    with contextlib.ExitStack() as locks:
        with lock:
            busy = _locked_by_others(folders, locks)
            if busy:
                time.sleep(LONGEST_LOOK)
                busy = _locked_by_others(busy, locks)
            if whole and busy:
                locks.close()
                busy = list(folders)
        yield {folder.path for folder in folders} - {folder.path for folder in busy}


def _locked_by_others(folders: Sequence[ReplicateFolder], locks: contextlib.ExitStack) -> list[ReplicateFolder]:
    """Locks the replicates that are free, until `locks` is closed, and returns the others."""
    from filelock import Timeout

    busy = []
    for folder in folders:
        lock = folder.lock()
        try:
            lock.acquire(timeout=0)
        except Timeout:
            busy.append(folder)
        else:
            locks.callback(lock.release)
    return busy


def wait_for(folder: ReplicateFolder, say: Callable[[str], None]) -> None:
    """Says that another process is training the replicate, and waits until it has released the lock."""
    say(f"waiting for {folder.path}, which another process is training")
    with folder.lock().acquire(poll_interval=0.1):
        pass


def is_claimed(replicate: Path) -> bool:
    """Whether a process is training the replicate in this folder now."""
    from filelock import Timeout

    if not os.path.lexists(replicate / LOCK):
        return False
    try:
        lock = lock_in(replicate)
    except OSError:
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except (Timeout, OSError):  # OSError: another user's folder, where the lock cannot be tried
        return True


def _allow_open_files(count: int) -> None:
    """Raises the limit of open files: each lock is one, and the usual limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = soft + count
    if soft != resource.RLIM_INFINITY and count > soft // 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))
