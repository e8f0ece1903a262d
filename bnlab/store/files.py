"""Writing files, each replaced as a whole so that a reader never sees half of one, and checking that one can."""

from __future__ import annotations

import contextlib
import csv
import errno
import fcntl
import io
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from bnlab.errors import StorageError, UserError, shown

LONGEST_INSIDE = 400
"""Bytes; no path inside runs/ is longer."""

LEFTOVER = ".writing."
"""The start of a file's name while it is being written; a process that is killed leaves such a file behind."""


def check_writable(runs_dir: Path) -> None:
    """Raises UserError if no file can be written or locked in runs_dir, which need not exist; creates nothing there."""
    nearest_existing = _nearest_existing(runs_dir)
    try:
        with _new_file_below(runs_dir) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # every replicate in training is locked like this
    except OSError as error:
        reason = shown(f"{nearest_existing}: {error.strerror}")
        raise UserError(
            f"runs_dir={shown(runs_dir)} cannot be written ({reason}); set runs_dir to a folder that can"
        ) from error


def check_output(option: str, path: Path) -> None:
    """Raises UserError if the file that an option names cannot be written, so that this is known before the work."""
    if path.is_dir():
        raise UserError(f"{option} {shown(path)} is a folder; name a file in it")
    try:
        _new_file_below(path.parent).close()
    except OSError as error:
        raise UserError(f"{option} {shown(path)} cannot be written ({error.strerror}); choose another file") from error


def _new_file_below(folder: Path) -> IO[bytes]:
    """A temporary file without a name in the folder, or in its nearest existing parent. Raises OSError."""
    nearest = _nearest_existing(folder)
    longest = max(map(len, map(os.fsencode, folder.parts)), default=0)
    whole = len(os.fsencode(folder.absolute())) + LONGEST_INSIDE
    if longest > os.pathconf(nearest, "PC_NAME_MAX") or whole > os.pathconf(nearest, "PC_PATH_MAX"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    return tempfile.TemporaryFile(dir=nearest)


def _nearest_existing(folder: Path) -> Path:
    """The folder itself if it exists, or else its nearest existing parent; a broken link counts as existing."""
    nearest = folder.absolute()
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    return nearest


def flush(path: Path) -> None:
    """Makes the system write the file to the disk now, if there is such a file. Raises StorageError."""
    with storage_errors(path), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())


def replace(path: Path, content: str | bytes, workspace: Path | None = None, *, durable: bool = False) -> None:
    """Writes a file in one piece: a reader sees the old content or the new one, never a part.

    Args:
        path: the file.
        content: the whole new content.
        workspace: the folder where a temporary file is written before it is moved to `path`; default: that of `path`.
        durable: wait until the content is on the disk before it replaces the old file, so that not even a power
            failure leaves an empty file.

    Raises:
        StorageError: the file cannot be written; the old one is unchanged.
    """
    with storage_errors(path):
        folder = workspace or path.parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{LEFTOVER}{path.name}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)  # minus the umask
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def append(path: Path, text: str) -> None:
    """Appends text to a file, which is created if need be and must not be a link. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8") as file:
        file.write(text)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError inside the `with` block into a StorageError about this path."""
    try:
        yield
    except OSError as error:
        raise StorageError(path, error) from error


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these as a formula."""


def no_formula(cell: object) -> object:
    """The cell of a CSV file, with an apostrophe before a text that a spreadsheet would run; numbers are unchanged."""
    if not isinstance(cell, str):
        return cell
    whole = cell.replace("\r", " ")  # \r is not quoted by writers of CSV: a new row would begin after it
    if not cell.startswith(FORMULA):
        return whole
    try:
        float(cell)
    except ValueError:
        return f"'{whole}"
    return whole


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The text of a CSV file with this header and these rows; lines end with a line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
