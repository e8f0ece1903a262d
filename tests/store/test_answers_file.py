"""The file of answers, written and read by hand from what docs/store.md says."""

from pathlib import Path

import numpy as np
import pytest

from bnlab.store.answers_file import packed, parsed, read


def test_a_file_is_a_line_and_a_bit_per_image_the_first_one_highest(tmp_path: Path) -> None:
    is_right = [True, False, False, True, True, True, True, False, False, True]
    assert packed(is_right) == b"bnlab answers 1 10\n" + bytes([0b10011110, 0b01000000])
    found = parsed(packed(is_right))
    assert found == (10, bytes([0b10011110, 0b01000000]))
    assert found.right == 6


def test_ten_thousand_images_take_the_room_that_is_promised() -> None:
    assert len(packed(np.ones(10_000, dtype=bool).tolist())) < 1_280


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"bnlab answers 1 9\n\xff",
        b"bnlab answers 1 9\n\xff\xff\xff",
        b"bnlab answers 2 8\n\xff",
        b"bnlab answers 1 -8\n\xff",
        b"8\n\xff",
    ],
)
def test_what_is_no_such_file_is_none(file: bytes) -> None:
    assert parsed(file) is None


def test_a_file_that_is_not_there_or_a_link_is_none(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "elsewhere").write_bytes(packed([True]))
    (tmp_path / "answers.bin").symlink_to(tmp_path / "elsewhere")
    assert read(tmp_path) is None
