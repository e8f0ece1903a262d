"""The sizes of the processor's caches."""

from __future__ import annotations

import functools
import re
from pathlib import Path

DEFAULT = 4 * 2**20
"""Bytes to assume if the system does not say. Few of today's processors have less for a core."""


MOST = 16 * 2**20
"""The most that a core is taken to have. A larger share of a shared cache is that of a virtual machine with few of a
processor's cores, to which the whole processor's cache is told.
"""


@functools.cache
def bytes_per_core(caches: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """The bytes that a core can keep in cache while all cores compute.

    It is the largest of its own caches and of half its share of each shared one: only half, since code, and other
    virtual machines on the same processor, need some of it too, and at most `MOST`.
    """
    found = [_share(index) for index in sorted(caches.glob("index*"))]
    return min(max([share for share in found if share is not None], default=DEFAULT), MOST)


def _share(index: Path) -> int | None:
    """The bytes of one cache that count for one core; None if it holds code, or the system does not say."""
    try:
        kind, size, cores = ((index / name).read_text().strip() for name in ("type", "size", "shared_cpu_list"))
    except OSError:
        return None
    amount = re.fullmatch(r"(\d+)([KM])", size)
    if kind not in ("Data", "Unified") or amount is None:
        return None
    count = sum(_length(span) for span in cores.split(","))
    unit = {"K": 2**10, "M": 2**20}[amount[2]]
    return int(amount[1]) * unit // (2 * count if count > 1 else 1)


def _length(span: str) -> int:
    """The number of cores in a span as Linux writes it: 3 is one core, 0-7 are eight."""
    first, _, last = span.partition("-")
    return int(last or first) - int(first) + 1
