"""What a core has in its caches, as Linux tells it; and where nothing is told."""

from pathlib import Path

import pytest

from bnlab.machine.cache import DEFAULT, bytes_per_core

MB = 2**20


def told(folder: Path, *caches: tuple[str, str, str]) -> Path:
    """Type, size and cores of each cache."""
    for number, values in enumerate(caches):
        index = folder / f"index{number}"
        index.mkdir(parents=True)
        for name, value in zip(("type", "size", "shared_cpu_list"), values, strict=True):
            (index / name).write_text(f"{value}\n")
    return folder


@pytest.mark.parametrize(
    ("caches", "expected"),
    [
        ([("Data", "32K", "0"), ("Unified", "1024K", "0"), ("Unified", "32768K", "0-1")], 8 * MB),
        ([("Data", "48K", "0"), ("Unified", "2048K", "0"), ("Unified", "16384K", "0-15")], 2 * MB),
        ([("Unified", "1024K", "0,4"), ("Unified", "24M", "0-2,4-6")], 2 * MB),
        ([("Unified", "512K", "0"), ("Instruction", "64M", "0")], MB // 2),
        ([("Unified", "2048K", "0"), ("Unified", "266240K", "0-1")], 16 * MB),
        ([("Unified", "much", "0")], DEFAULT),
        ([], DEFAULT),
    ],
)
def test_own_caches_whole_and_half_of_the_share_of_others(
    caches: list[tuple[str, str, str]], expected: int, tmp_path: Path
) -> None:
    assert bytes_per_core(told(tmp_path / "cache", *caches)) == expected
