"""Checkpoints of a stack in training: written whole, checked when read, the one before kept as a fallback.

A file is the line `MAGIC`, the SHA-256 of the rest, and what `torch.save` makes of tensors and plain values; it is read
with `weights_only=True`, so that nothing in it is executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bnlab.errors import StorageError, UnreadableError
from bnlab.store.files import replace
from bnlab.store.reading import DamagedError, read_bytes

MAGIC = b"bnlab checkpoint 5\n"
MOST_BYTES = 2**40
"""Any that a machine can hold."""

CURRENT, BEFORE = "checkpoint.pt", "checkpoint-before.pt"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a checkpoint; the one that was there is kept beside it. Raises StorageError."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    content = buffer.getvalue()
    try:
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(BEFORE))
    except OSError as error:
        raise StorageError(path, error) from error
    replace(path, b"".join((MAGIC, hashlib.sha256(content).digest(), content)), durable=True)


def load(path: Path) -> dict[str, Any]:
    """Reads a checkpoint. Raises DamagedError, FileNotFoundError, or UnreadableError."""
    try:
        file = read_bytes(path, MOST_BYTES, MAGIC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(path, error) from error
    start = len(MAGIC) + hashlib.sha256().digest_size
    if hashlib.sha256(memoryview(file)[start:]).digest() != file[len(MAGIC) : start]:
        raise DamagedError("its digest is wrong")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(file[start:]), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DamagedError("it holds more than tensors and plain values") from error
    except Exception as error:  # what is no file of torch.save makes it raise anything, even an IndexError
        raise DamagedError("it is no file of tensors") from error
    return state


def to_bytes(model: torch.nn.Module) -> bytes:
    """A model's weights as a file that `torch.load(..., weights_only=True)` reads."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()
