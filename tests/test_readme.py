"""Every bnlab command that README.md shows is run as it stands, in the order of the text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.shell_blocks import commands, run

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path) -> None:
    shown = commands(README)  # the two set-up lines are for .ci/run
    assert len(shown) == 4
    for command in shown:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "comparison" / "summary.md").is_file()


def test_it_is_short_enough_for_a_newcomer() -> None:
    assert len(README.splitlines()) <= 210


def test_the_two_set_up_lines_do_all_of_their_own() -> None:
    lines = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    assert [line.rpartition("&& ")[2] for line in lines] == [".venv/bin/bnlab train", ".venv/bin/python -m pytest"]
