"""Keeps freed memory in the process: the training loop asks for the same blocks again at every step."""

from __future__ import annotations

import ctypes
import functools

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names and numbers of glibc's malloc.h."""

LARGEST_BLOCK = 2**30


@functools.cache
def keep_freed_memory() -> None:
    """Has glibc's malloc keep blocks of up to 1 GiB that were freed.

    By default it gives large blocks, such as a stack's gradients, back to the kernel, which hands them out again page
    by page and zeroed: a millisecond or more of a step of a stack of 16. Does nothing where there is no glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, LARGEST_BLOCK)
        mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
