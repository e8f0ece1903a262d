"""How much memory this process may use, and a setting of malloc that makes training faster."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import resource
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names and numbers of glibc's malloc.h."""

LARGEST_BLOCK = 2**30


def limit(root: Path = Path("/")) -> int:
    """The bytes that this process may use: the least of the machine's memory, its cgroups' limits and its rlimits.

    Args:
        root: the folder with /proc and /sys.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_of_cgroups(root), *_of_process(root)])


def out_of_memory_kills() -> int | None:
    """How many processes of this machine the kernel has killed for lack of memory; None if it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _of_cgroups(root: Path) -> Iterator[int]:
    """The limits of the process's cgroups (version 1 and 2) and of all above them, as far as they are visible."""
    try:
        memberships = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in memberships):
        if controllers == "":
            mounts, name = ("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.max"
        elif "memory" in controllers.split(","):
            mounts, name = (f"sys/fs/cgroup/{controllers}", "sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for folder in (inside, *inside.parents):
            for mount in mounts:
                yield from _number(root / mount / folder / name)


def _number(file: Path) -> Iterator[int]:
    """The number in a file; nothing if there is no such file, or if it says "max"."""
    try:
        yield int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return


def _of_process(root: Path) -> Iterator[int]:
    """The bytes that the process may still use by its rlimits, of address space and of data."""
    try:
        pages = (root / "proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return
    for kind, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield max(0, soft - int(used) * mmap.PAGESIZE)


@functools.cache
def keep_freed_memory() -> None:
    """Makes glibc's malloc keep freed blocks of up to 1 GiB, and use huge pages.

    A training allocates the same blocks at every step. By default malloc returns large ones, such as a stack's
    gradients, to the kernel, which hands them out again page by page and zeroed: a millisecond or more of a step of a
    stack of 16. Huge pages (2 MiB instead of 4 KiB, if the kernel allows them) spare the processor most of the address
    look-ups while Adam goes through its state. Without glibc this does nothing.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or not hasattr(mmap, "MADV_HUGEPAGE"):
        return
    libc.mallopt(M_TRIM_THRESHOLD, LARGEST_BLOCK)
    libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
    _advise_huge_pages(libc, LARGEST_BLOCK // 2)


def _advise_huge_pages(libc: ctypes.CDLL, size: int) -> None:
    """Asks for huge pages in a free part of the heap, which uses no memory until it is written."""
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(ctypes.c_size_t(size))
    if block:
        start = -(-block // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (block + size - start) // mmap.PAGESIZE * mmap.PAGESIZE
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
        libc.free(ctypes.c_void_p(block))
