"""The processor's caches: how much of its memory a core can have at hand."""

from __future__ import annotations

import functools
import re
from pathlib import Path

DEFAULT = 4 * 2**20
"""Bytes, where the system does not tell; few processors of today have less for a core."""


@functools.cache
def bytes_per_core(caches: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """What a core can keep in its caches while all compute: its own ones, and half of its share of those it shares.

    Only half, since code and the neighbours that a virtual machine does not see need some of it too.
    """
    found = [_share(index) for index in sorted(caches.glob("index*"))]
    return max([share for share in found if share is not None], default=DEFAULT)


def _share(index: Path) -> int | None:
    """The bytes of one cache that are for one core; None if it holds code, or the system does not say."""
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
    """Of a list like Linux writes it: 3 is one core, 0-7 are eight."""
    first, _, last = span.partition("-")
    return int(last or first) - int(first) + 1
