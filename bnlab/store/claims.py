"""Who trains what, when several processes work on one runs/: locks that the kernel releases when a process ends.

Only one process at a time takes locks of a runs/, and it takes those of a stack together: two processes with the same
sweep never split a stack between them. Nobody waits while holding a replicate's lock, so there is no deadlock.
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
"""Seconds. Whoever only asks if a replicate is being trained holds its lock for much less than this."""


@contextlib.contextmanager
def claimed(runs_dir: Path, folders: Sequence[ReplicateFolder], *, whole: bool) -> Iterator[set[Path]]:
    """Locks those replicates that no other process has locked, without waiting; `whole`: all or none of them.

    Yields the paths of the locked ones.
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
    """Locks what is free, until `locks` is closed, and returns the rest."""
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
    """Waits until no other process has the replicate locked, saying so."""
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
    except (Timeout, OSError):  # OSError: somebody else's folder, where no lock can be tried
        return True


def _allow_open_files(count: int) -> None:
    """Each lock is an open file, and the usual limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = soft + count
    if soft != resource.RLIM_INFINITY and count > soft // 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))
