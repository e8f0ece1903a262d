"""The lock files in runs/: one for the whole folder, and one for each replicate in training."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

LOCK = ".lock"


def lock_in(folder: Path) -> BaseFileLock:
    """The lock of a folder, not taken yet. Taking it empties the lock file, so that must not be a link.

    Raises:
        OSError: the lock file is a link or another thing that is not a regular file.
    """
    from filelock import FileLock

    path = folder / LOCK
    try:
        status = os.lstat(path)
    except OSError:
        return FileLock(path)  # not there yet; any other problem is raised when the lock is taken
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return FileLock(path)
