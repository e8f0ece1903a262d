"""Tables and sentences on a terminal of any width."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from bnlab import report
from bnlab.report.tables import fitting

from . import stored


def on_a_terminal(root: Path, width: int, **question: object) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    report.make([root], report.Question(("norm.name", "optimizer.lr"), **question), None, console)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for level, name in ((0.9, "batch"), (0.8, "weight_standardization"), (0.7, "none")):
        for lr in (0.001, 0.01):
            run = stored.arm(tmp_path, name, [level, level + 0.01, level + 0.021], folder=f"{name}{lr}", lr=lr)
            for seed in range(3):
                stored.curves(run / f"seed-{seed}", level)
    return tmp_path


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_terminal_and_no_number_is_cut(runs: Path, width: int) -> None:
    """Cause: tables were 100 wide everywhere, and the terminal broke every row."""
    lines = on_a_terminal(runs, width, baseline="norm.name=none,optimizer.lr=0.001")
    assert max(map(len, lines)) <= width
    rows = [line.split() for line in lines if re.match(r" (batch|weight_standardization|none) ", line)]
    assert len(rows) == 6
    assert all(row[2 + (width == 120)] == "91.03" for row in rows[:2])
    assert all("+20.00" in row for row in rows[:2])


def test_what_has_no_room_is_named(runs: Path) -> None:
    text = " ".join(line.strip() for line in on_a_terminal(runs, 60, baseline="norm.name=none,optimizer.lr=0.001"))
    assert "in every row: n 3" in text
    assert (
        "no room for: 95 % interval; points, 95 % together; corrected p: a wider terminal or -o FOLDER shows them"
        in text
    )
    assert "no room" not in " ".join(on_a_terminal(runs, 120))


def test_a_target_that_was_asked_for_is_answered_on_the_screen(runs: Path) -> None:
    """Cause: --target changed nothing on the screen."""
    lines = on_a_terminal(runs, 120, target=85.0)
    assert "steps to test accuracy (%) of 85.00, seen at evaluations only" in lines
    assert sum(line.startswith(" batch, lr") and "3 of 3" in line for line in lines) == 2
    assert not any("steps to" in line for line in on_a_terminal(runs, 120))


def test_the_winner_stands_out(tmp_path: Path) -> None:
    base = [0.970, 0.971, 0.972, 0.973, 0.974, 0.975]
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", [value + 0.01 + 0.001 * i for i, value in enumerate(base)])
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    report.make([tmp_path], report.Question(("norm.name",)), None, console)
    assert isinstance(console.file, io.StringIO)
    green = [line for line in console.file.getvalue().splitlines() if "\x1b[1;32m" in line]
    assert "best: batch" in green[0]
    assert ["batch (best)" in line for line in green[1:]] == [False, True]


@pytest.mark.parametrize(
    ("head", "cells", "lines"),
    [
        ("n", ["6"], ["n"]),
        ("corrected p", ["0.001"], ["corrected", "p"]),
        ("points, 95 % together", ["+1.00 to +2.00"], ["points, 95 %", "together"]),
        ("mean step, cut at 188", ["94"], ["mean step,", "cut at 188"]),
        ("learning rate", ["a long name of an arm"], ["learning rate"]),
    ],
)
def test_a_head_takes_two_lines_at_most(head: str, cells: list[str], lines: list[str]) -> None:
    assert fitting.folded(head, cells) == lines
