"""The datasets' files: where they are cached, how they are unpacked, and how damage is noticed."""

import contextlib
import gzip
import hashlib
import math
import os
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bnlab.errors import UserError

Fault = Callable[[Path], str | None]
"""Returns what is wrong with a file, or None if nothing is."""

_IDX_TYPES = {
    "idx3-ubyte": (8, 3, 1),
    "idx1-ubyte": (8, 1, 1),
    "idx2-int": (12, 2, 4),
}
"""By the end of a file's name: type code, number of dimensions, bytes per item, in the IDX format (LeCun 1998)."""


HEADER = 16
"""Bytes of the longest IDX header."""

LARGEST = 2**28
"""Bytes of the largest file that is read. The largest of these datasets, EMNIST's training images, has a third."""

PIECE = 2**20


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/bnlab`, by default `~/.cache/bnlab` (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bnlab"


@contextlib.contextmanager
def unpacked_mnist() -> Iterator[Path]:
    """A folder with the four unpacked MNIST files in MNIST/raw/, where torchvision looks for them.

    It is the cache, or, if that cannot be written, a temporary folder.

    Raises:
        UserError: an embedded file is damaged.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = cache_folder()
            unpack_mnist(folder / "MNIST" / "raw")
        except OSError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bnlab-")))
            unpack_mnist(folder / "MNIST" / "raw")
        yield folder


def embedded_folder() -> Traversable:
    """The four MNIST files and their SHA256SUMS inside the installed package."""
    return resources.files("bnlab") / "data" / "mnist"


def embedded_digests() -> dict[str, str]:
    """The SHA-256 digests of the embedded .gz files and of the unpacked ones, by file name."""
    lines = (embedded_folder() / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def digest_fault(path: Path, digest: str) -> str | None:
    """What is wrong with a file that must have this SHA-256 digest; None if nothing is."""
    if not path.is_file():
        return "it is missing"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return None if found == digest else f"its SHA-256 digest is {found}, not {digest}"


def idx_fault(path: Path) -> str | None:
    """What is wrong with an IDX file, by its header and its length; None if nothing is.

    The header is two zero bytes, the type code, the number of dimensions, and each dimension as a big-endian int32.
    """
    if not path.is_file():
        return "it is missing"
    with path.open("rb") as file:
        declared = _declared(path.name, file.read(HEADER))
    if declared is None:
        return "it does not begin with the header of an IDX file of this kind"
    shape, expected = declared
    size = path.stat().st_size
    if size != expected:
        return f"it has {size} bytes, but its header, shape {shape}, asks for {expected}"
    if size > LARGEST:
        return f"it has {size} bytes, and no file of these datasets has more than {LARGEST}"
    return "it holds no samples" if shape[0] == 0 else None


def read_idx(path: Path) -> Tensor:
    """The values of an IDX file in which `idx_fault` finds no fault: uint8, or int32."""
    _, dimensions, item = _kind(path.name)
    with path.open("rb") as file:
        declared = _declared(path.name, file.read(4 + 4 * dimensions))
        values = np.fromfile(file, dtype={1: "u1", 4: ">i4"}[item])
    if declared is None:
        raise ValueError(f"{path} is no IDX file of its kind")
    return torch.from_numpy(values.astype(values.dtype.newbyteorder("="))).view(declared[0])


def _declared(name: str, head: bytes) -> tuple[tuple[int, ...], int] | None:
    """The shape and the size in bytes of an IDX file, from its header; None if that is not the header of its kind."""
    code, dimensions, item = _kind(name)
    length = 4 + 4 * dimensions
    if len(head) < length or head[:4] != bytes([0, 0, code, dimensions]):
        return None
    shape = tuple(int.from_bytes(head[at : at + 4], "big") for at in range(4, length, 4))
    return shape, length + item * math.prod(shape)


def _kind(name: str) -> tuple[int, int, int]:
    return next(kind for ending, kind in _IDX_TYPES.items() if name.endswith(ending))


def unpack_mnist(raw: Path) -> None:
    """Unpacks the four MNIST files into the folder `raw`. Files with the right digest that are there already are kept.

    Raises:
        UserError: an embedded file is damaged.
    """
    for file, digest in embedded_digests().items():
        fault = partial(digest_fault, digest=digest)
        if not file.endswith(".gz") and fault(raw / file):
            unpack(embedded_folder() / f"{file}.gz", raw / file, fault, "reinstall bnlab")


def unpack(source: Traversable, target: Path, fault: Fault, remedy: str) -> None:
    """Unpacks the gzip file `source` to `target`, atomically: other processes never see a part of it.

    Raises:
        UserError: `source` is damaged; the message names it and ends with `remedy`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # The name ends like the target's, since idx_fault knows the kind of a file by its ending.
    temporary = target.with_name(f"tmp-{uuid.uuid4().hex}-{target.name}")
    try:
        try:
            _write_unpacked(source, temporary)
        except (gzip.BadGzipFile, FileNotFoundError, EOFError, zlib.error, _TooMuchError) as error:
            raise UserError(f"{source} is damaged: {error}; {remedy}") from error
        if reason := fault(temporary):
            raise UserError(f"{source} is damaged: unpacked, {reason}; {remedy}")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


class _TooMuchError(Exception):
    """A file unpacks to more than its header says."""


def _write_unpacked(source: Traversable, target: Path) -> None:
    """Unpacks piece by piece, and no more than the IDX header says, since a small file may unpack to any size.

    Without an IDX header only the beginning is written.
    """
    with source.open("rb") as packed, gzip.open(packed) as content, target.open("wb") as file:
        head = content.read(HEADER)
        declared = _declared(target.name, head)
        file.write(head)
        if declared is None:
            return
        most = min(LARGEST, declared[1])
        for piece in iter(partial(content.read, PIECE), b""):
            if file.tell() + len(piece) > most:
                raise _TooMuchError(f"it unpacks to more than {most} bytes")
            file.write(piece)
