"""The file of answers, written and read by hand from what docs/store.md says."""

from pathlib import Path

import numpy as np
import pytest

from bnlab.store.answers_file import packed, read


def test_a_file_is_a_line_and_a_bit_per_image_the_first_one_highest(tmp_path: Path) -> None:
    is_right = [True, False, False, True, True, True, True, False, False, True]
    assert packed(is_right) == b"bnlab answers 1 10\n" + bytes([0b10011110, 0b01000000])
    (tmp_path / "answers.bin").write_bytes(packed(is_right))
    found = read(tmp_path)
    assert found is not None
    assert found.tolist() == is_right


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
def test_what_is_no_such_file_is_none(file: bytes, tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "answers.bin").write_bytes(file)
    assert read(tmp_path) is None
