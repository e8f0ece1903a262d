"""Which test images a replicate classified rightly after its last step: a bit for each image.

A file is the line `bnlab answers 1 N`, then ceil(N / 8) bytes: of image i the bit 7 - i % 8 of byte i // 8 (as
`numpy.packbits` orders them) is 1 if its class had the largest logit. Bits that are left over are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnlab.store.reading import MOST_BYTES, read_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANSWERS = "answers.bin"
MAGIC = b"bnlab answers 1 "


def packed(is_right: Sequence[bool] | NDArray[np.bool_]) -> bytes:
    """The file of these answers, in the order of the images."""
    import numpy as np

    return MAGIC + f"{len(is_right)}\n".encode() + np.packbits(np.asarray(is_right, dtype=bool)).tobytes()


def read(replicate: Path) -> NDArray[np.bool_] | None:
    """The answers in a replicate's folder, bool (N,); None if there is no such file, or it is not what was written."""
    import numpy as np

    try:
        head, _, bits = read_bytes(replicate / ANSWERS, MOST_BYTES).partition(b"\n")
    except OSError:
        return None
    count = head.removeprefix(MAGIC)
    if not head.startswith(MAGIC) or not (count.isdigit() and len(count) < 10) or len(bits) != (int(count) + 7) // 8:
        return None
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=int(count)).view(bool)
