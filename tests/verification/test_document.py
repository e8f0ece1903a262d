"""What README.md and docs/own_class.md say of a batch norm of one's own: to the word what `bnlab verify` says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.shell_blocks import dialogues, run, write_programs

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
DOCUMENT = (TOP / "docs" / "own_class.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that both texts show."""
    assert write_programs(README, tmp_path) == ["my_bn.py"]
    assert write_programs(DOCUMENT, tmp_path) == ["mended_bn.py", "test_my_bn.py"]
    return tmp_path


@pytest.mark.slow
def test_the_verdicts_shown_are_the_verdicts_given(folder: Path) -> None:
    """To the word; of the errors, which depend on the machine, only where they stand."""
    before = set(folder.iterdir())
    shown = [*dialogues(README), *dialogues(DOCUMENT)]
    assert [command.split()[2] for command, _ in shown] == ["my_bn.py:MyBN", "my_bn.py:MyBN", "mended_bn.py:Mended"]
    for command, expected in shown:
        done = run(command, folder)
        assert (done.returncode, done.stderr) == (int("MyBN" in command), "")
        assert without_errors(done.stdout) == without_errors(expected)
    assert set(folder.iterdir()) == before


@pytest.mark.slow
def test_the_test_shown_passes(folder: Path) -> None:
    done = run(f"{sys.executable} -m pytest -q -p no:cacheprovider test_my_bn.py", folder)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(" in ")[0]) == (0, "1 passed"), done.stdout


def without_errors(text: str) -> str:
    """With # for the errors of a table, and without its padding."""
    return re.sub(r" +", " ", re.sub(r"\b\d\.\de[+-]\d\d\b| 0(?= )", " #", text)).replace(" \n", "\n").strip()
