"""Every bnlab command that README.md shows is run as it stands, in the order of the text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell_blocks import commands

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command on all cores, as a reader runs it: tests set one thread for themselves."""
    here = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        executable=shutil.which("bash"),
        cwd=folder,
        env=here | {"PATH": path},
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path) -> None:
    shown = commands(README)  # the two set-up lines are for .ci/run
    assert len(shown) >= 5
    for command in shown:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "comparison" / "summary.md").is_file()


def test_the_error_shown_is_the_error_given(tmp_path: Path) -> None:
    shown = re.search(r"^\$ (bnlab .*)\n(error: .*)$", README, flags=re.MULTILINE)
    assert shown is not None
    done = run(shown[1], tmp_path)
    assert (done.returncode, done.stderr) == (2, f"{shown[2]}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_verdicts_shown_are_the_verdicts_given(tmp_path: Path) -> None:
    """To the word; of the errors, which depend on the machine, only where they stand."""
    (code,) = re.findall(r"```python\n(# my_bn\.py\n.*?)```", README, flags=re.DOTALL)
    (tmp_path / "my_bn.py").write_text(code, encoding="utf-8")
    shown = re.findall(r"```console\n\$ (bnlab verify .*?)\n(.*?)```", README, flags=re.DOTALL)
    assert [command.split()[2] for command, _ in shown] == ["my_bn.py:MyBN", "my_bn.py:Mended"]
    for command, expected in shown:
        done = run(f"set -o pipefail; {command}" if "|" in command else command, tmp_path)
        assert (done.returncode, done.stderr) == (int("MyBN" in command), "")
        assert without_errors(done.stdout) == without_errors(expected)
    assert [path.name for path in tmp_path.iterdir()] == ["my_bn.py"]


@pytest.mark.slow
def test_the_test_shown_passes(tmp_path: Path) -> None:
    for name in ("my_bn", "test_my_bn"):
        (code,) = re.findall(rf"```python\n(# {name}\.py\n.*?)```", README, flags=re.DOTALL)
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    done = run(f"{sys.executable} -m pytest -q -p no:cacheprovider test_my_bn.py", tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1].partition(" in ")[0]) == (0, "1 passed"), done.stdout


def without_errors(text: str) -> str:
    """With # for the errors of a table, and without its padding."""
    return re.sub(r" +", " ", re.sub(r"\b\d\.\de[+-]\d\d\b| 0(?= )", " #", text)).replace(" \n", "\n").strip()


def test_the_two_set_up_lines_do_all_of_their_own() -> None:
    lines = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    assert [line.rpartition("&& ")[2] for line in lines] == [".venv/bin/bnlab train", ".venv/bin/python -m pytest"]
