"""answers.bin: which test images a replicate classified correctly after its last step, one bit per image.

A file is the line `bnlab answers 1 N`, where N is the number of images, then ceil(N / 8) bytes. The bit of image i is
1 if its true class had the largest logit; it is bit 7 - i % 8 of byte i // 8, as in `numpy.packbits`. Bits that are
left over in the last byte are 0.
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
    """A replicate's answers, packed as in the file: thousands of replicates would take a gigabyte otherwise.

    Attributes:
        images: the number of test images.
        bits: one bit per image, in ceil(images / 8) bytes.
    """

    images: int
    bits: bytes

    @property
    def right(self) -> int:
        """How many images were classified correctly."""
        return int.from_bytes(self.bits, "big").bit_count()


def packed(is_right: Sequence[bool] | NDArray[np.bool_]) -> bytes:
    """The content of answers.bin for these answers, which are in the order of the images."""
    import numpy as np

    return MAGIC + f"{len(is_right)}\n".encode() + np.packbits(np.asarray(is_right, dtype=bool)).tobytes()


def read(replicate: Path) -> bytes | None:
    """The content of answers.bin in a replicate's folder; None if it is missing or cannot be read."""
    try:
        return read_bytes(replicate / ANSWERS, MOST_BYTES)
    except OSError:
        return None


def parsed(file: bytes) -> Answers | None:
    """The answers in the content of a file; None if that is not in the format above."""
    head, _, bits = file.partition(b"\n")
    count = head.removeprefix(MAGIC)
    if not head.startswith(MAGIC) or not (count.isdigit() and len(count) < 10) or len(bits) != (int(count) + 7) // 8:
        return None
    return Answers(int(count), bits)
