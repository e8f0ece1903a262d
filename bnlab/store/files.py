"""Files that are replaced as a whole, so that a reader never sees half of one, and whether they can be written."""

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
"""Bytes of the longest path inside runs/, generously."""

LEFTOVER = ".writing."
"""How the name of a file starts while it is written; a killed process leaves it behind."""


def check_writable(runs_dir: Path) -> None:
    """Raises UserError if no file can be written there; leaves nothing behind."""
    nearest_existing = _nearest_existing(runs_dir)
    try:
        with _new_file_below(runs_dir) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # as every replicate in training is
    except OSError as error:
        reason = shown(f"{nearest_existing}: {error.strerror}")
        raise UserError(
            f"runs_dir={shown(runs_dir)} cannot be written ({reason}); set runs_dir to a folder that can"
        ) from error


def check_output(option: str, path: Path) -> None:
    """Raises UserError if the file that an option names cannot be written, before there is anything to write."""
    if path.is_dir():
        raise UserError(f"{option} {shown(path)} is a folder; name a file in it")
    try:
        _new_file_below(path.parent).close()
    except OSError as error:
        raise UserError(f"{option} {shown(path)} cannot be written ({error.strerror}); choose another file") from error


def _new_file_below(folder: Path) -> IO[bytes]:
    """A nameless file in a folder, or in the one above it in which it would be made. Raises OSError."""
    nearest = _nearest_existing(folder)
    longest = max(map(len, map(os.fsencode, folder.parts)), default=0)
    whole = len(os.fsencode(folder.absolute())) + LONGEST_INSIDE
    if longest > os.pathconf(nearest, "PC_NAME_MAX") or whole > os.pathconf(nearest, "PC_PATH_MAX"):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    return tempfile.TemporaryFile(dir=nearest)


def _nearest_existing(folder: Path) -> Path:
    """The folder, or the one above it in which it would be made; a link that leads nowhere is there too."""
    nearest = folder.absolute()
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    return nearest


def flush(path: Path) -> None:
    """Has the system put a file on the disk now, if there is one."""
    with storage_errors(path), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())


def replace(path: Path, content: str | bytes, workspace: Path | None = None, *, durable: bool = False) -> None:
    """Writes a file in one piece: readers see the old one or the new one.

    Args:
        path: the file.
        content: all of it.
        workspace: the folder where it is written before it is put in place; the file's own by default.
        durable: the content is on the disk before it takes the old one's place, so that not even a power failure leaves
            an empty file.

    Raises:
        StorageError: it cannot be written; the old one is still there then.
    """
    with storage_errors(path):
        folder = workspace or path.parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{LEFTOVER}{path.name}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)  # less the umask
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
    """Writes at the end of a file, which may be no link. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8") as file:
        file.write(text)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(path, error) from error


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet runs as a formula."""


def no_formula(cell: object) -> object:
    """A cell of a CSV file, with an apostrophe before what a spreadsheet would run; numbers are left as they are."""
    if not isinstance(cell, str):
        return cell
    whole = cell.replace("\r", " ")  # which is not quoted, so that another row would begin behind it
    if not cell.startswith(FORMULA):
        return whole
    try:
        float(cell)
    except ValueError:
        return f"'{whole}"
    return whole


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
