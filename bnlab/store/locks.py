"""The locks in runs/: of the folder, and of each replicate in training."""

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
    """The lock of a folder. Taking one empties its file, so it must be no link.

    Raises:
        OSError: something that is no regular file has its name, so that nobody can hold it.
    """
    from filelock import FileLock

    path = folder / LOCK
    try:
        status = os.lstat(path)
    except OSError:
        return FileLock(path)  # there is none yet; or locking says why it cannot be
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return FileLock(path)
