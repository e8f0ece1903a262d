"""How much memory there is for this process, and how it keeps what it has freed.

The training loop asks for the same blocks at every step.
"""

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
    """Bytes that this process may use: of the machine, its cgroups (version 1 and 2) and its rlimits the smallest.

    Args:
        root: where /proc and /sys are.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_of_cgroups(root), *_of_process(root)])


def out_of_memory_kills() -> int | None:
    """How many processes the kernel has killed for lack of memory, in whatever cgroup; None where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _of_cgroups(root: Path) -> Iterator[int]:
    """The limits of the process's cgroups and all above them, as far as they are visible from here."""
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
    """The number in a file; none where there is no such file, or where it says "max"."""
    try:
        yield int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return


def _of_process(root: Path) -> Iterator[int]:
    """What the process may still map into its address space, or use as data."""
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
