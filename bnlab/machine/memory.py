"""Has the process keep its freed memory, in huge pages: the training loop asks for the same blocks at every step."""

from __future__ import annotations

import ctypes
import functools
import mmap

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names and numbers of glibc's malloc.h."""

LARGEST_BLOCK = 2**30


@functools.cache
def keep_freed_memory() -> None:
    """Has glibc's malloc keep blocks of up to 1 GiB that were freed, and serve the first GiB from huge pages.

    By default it gives large blocks, such as a stack's gradients, back to the kernel, which hands them out again page
    by page and zeroed: a millisecond or more of a step of a stack of 16. Huge pages (2 MiB in place of 4 KiB, where the
    kernel gives them to those who ask) spare the processor most of the look-ups of addresses while Adam walks through
    its state. Does nothing where there is no glibc.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or not hasattr(mmap, "MADV_HUGEPAGE"):
        return
    libc.mallopt(M_TRIM_THRESHOLD, LARGEST_BLOCK)
    libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
    _advise_huge_pages(libc, LARGEST_BLOCK // 2)


def _advise_huge_pages(libc: ctypes.CDLL, size: int) -> None:
    """Asks for huge pages in a free piece of the heap; nothing of it is occupied before it is used."""
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(ctypes.c_size_t(size))
    if block:
        start = -(-block // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (block + size - start) // mmap.PAGESIZE * mmap.PAGESIZE
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
        libc.free(ctypes.c_void_p(block))
