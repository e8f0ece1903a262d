"""Which test images a replicate classified rightly after its last step: a bit for each image.

A file is the line `bnlab answers 1 N`, then ceil(N / 8) bytes: of image i the bit 7 - i % 8 of byte i // 8 (as
`numpy.packbits` orders them) is 1 if its class had the largest logit. Bits that are left over are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bnlab.store.reading import MOST_BYTES, read_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANSWERS = "answers.bin"
MAGIC = b"bnlab answers 1 "


class Answers(NamedTuple):
    """As they are stored: packed, as thousands of replicates are a gigabyte otherwise.

    Attributes:
        images: how many.
        bits: one for each.
    """

    images: int
    bits: bytes

    @property
    def right(self) -> int:
        """How many were classified rightly."""
        return int.from_bytes(self.bits, "big").bit_count()


def packed(is_right: Sequence[bool] | NDArray[np.bool_]) -> bytes:
    """The file of these answers, in the order of the images."""
    import numpy as np

    return MAGIC + f"{len(is_right)}\n".encode() + np.packbits(np.asarray(is_right, dtype=bool)).tobytes()


def read(replicate: Path) -> bytes | None:
    """The file in a replicate's folder; None if there is none that can be read."""
    try:
        return read_bytes(replicate / ANSWERS, MOST_BYTES)
    except OSError:
        return None


def parsed(file: bytes) -> Answers | None:
    """The answers in a file; None if it is not what was written."""
    head, _, bits = file.partition(b"\n")
    count = head.removeprefix(MAGIC)
    if not head.startswith(MAGIC) or not (count.isdigit() and len(count) < 10) or len(bits) != (int(count) + 7) // 8:
        return None
    return Answers(int(count), bits)
