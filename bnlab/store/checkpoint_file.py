"""Checkpoints of a stack in training: replaced as a whole, checked when read, the previous one kept as a fallback.

A file is the line `MAGIC`, the SHA-256 of the rest, and the rest: tensors and plain values as `torch.save` writes them.
It is read with `weights_only=True`, so that no code in it is executed.
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
"""Above the size of any checkpoint: no limit in practice."""

CURRENT, BEFORE = "checkpoint.pt", "checkpoint-before.pt"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a checkpoint, and keeps the previous one beside it under the name `BEFORE`. Raises StorageError."""
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
    """Reads a checkpoint, its tensors on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableError: it cannot be read.
        DamagedError: it is of another version, its digest is wrong, or it holds more than tensors and plain values.
    """
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
    except Exception as error:  # for other files torch.load raises errors of any kind, even an IndexError
        raise DamagedError("it is no file of tensors") from error
    return state


def to_bytes(model: torch.nn.Module) -> bytes:
    """A model's `state_dict` as the content of a file that `torch.load(..., weights_only=True)` reads."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()
