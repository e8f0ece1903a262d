"""The memory for this process: of the machine, the cgroup and the rlimits the smallest."""

import os
import resource
from pathlib import Path

import pytest

from bnlab.machine import memory

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/a/b\n", {"sys/fs/cgroup/a/b/memory.max": "1500000000\n"}, 1_500_000_000),
        (
            "0::/a/b\n",
            {"sys/fs/cgroup/a/memory.max": "1000000\n", "sys/fs/cgroup/a/b/memory.max": "2000000\n"},
            1_000_000,
        ),
        ("0::/a\n", {"sys/fs/cgroup/a/memory.max": "max\n"}, PHYSICAL),
        ("0::/\n", {"sys/fs/cgroup/memory.max": "3000000\n"}, 3_000_000),
        ("0::/../outside\n", {"sys/fs/cgroup/memory.max": "3000000\n"}, 3_000_000),
        (
            "5:cpu:/x\n4:memory:/docker/1\n0::/\n",
            {"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "1500000000\n"},
            1_500_000_000,
        ),
        # A container sees its own cgroup as the root, and its path from outside.
        ("4:memory:/docker/1\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes": "1500000000\n"}, 1_500_000_000),
        ("4:memory:/\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, PHYSICAL),
        ("4:cpu,memory:/s\n", {"sys/fs/cgroup/cpu,memory/s/memory.limit_in_bytes": "1000000\n"}, 1_000_000),
        ("9:name=systemd:/\n", {}, PHYSICAL),
    ],
)
def test_the_limit_of_a_cgroup(cgroup: str, files: dict[str, str], expected: int, tmp_path: Path) -> None:
    assert memory.limit(tree(tmp_path, {"proc/self/cgroup": cgroup, **files})) == expected


def test_the_limit_of_a_process(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    root = tree(tmp_path, {"proc/self/statm": "1000 500 100 10 0 400 0\n"})
    huge = 2**50  # never reached by this process itself
    resource.setrlimit(resource.RLIMIT_AS, (huge, before[1]))
    try:
        assert memory.limit(root) == min(PHYSICAL, huge - 1000 * resource.getpagesize())
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_where_nothing_is_told_it_is_the_machines(tmp_path: Path) -> None:
    assert memory.limit(tmp_path) == PHYSICAL
