"""Lines and names on a terminal of any width, and whole lines elsewhere."""

import io

import pytest
from rich.console import Console

from bnlab.machine import in_pieces, say

LINE = "  left out: norm=instance, since scaled_weight_standardization-custom-mlp-0b8a14335d [bold]cannot"


def said(width: int, *, terminal: bool) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    say(LINE, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_line_is_whole_in_a_pipe() -> None:
    assert said(40, terminal=False) == [LINE]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_on_a_terminal_it_is_broken_between_words(width: int) -> None:
    """Cause: lines ended in "VAL", and the next one began with "UE"."""
    lines = said(width, terminal=True)
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == LINE.split()
    assert [len(line) - len(line.lstrip()) for line in lines] == [2, 4, 4][: len(lines)]


def test_a_word_that_is_wider_than_the_terminal_stays_one_word_to_be_copied() -> None:
    assert f"    {LINE.split()[4]}" in said(40, terminal=True)


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("batch-native-mlp-fe48282ade", 27, ["batch-native-mlp-fe48282ade"]),
        ("batch-native-mlp-fe48282ade", 20, ["batch-native-mlp-", "fe48282ade"]),
        ("norm.track_running_stats", 12, ["norm.track_", "running_", "stats"]),
        ("batch, lr 0.01", 9, ["batch, lr", "0.01"]),
        ("standardization", 5, ["standardization"]),
        ("", 5, [""]),
    ],
)
def test_names_are_broken_after_hyphens_underscores_and_words(name: str, width: int, lines: list[str]) -> None:
    assert in_pieces(name, width).split("\n") == lines
