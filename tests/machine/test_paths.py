"""What is said of a path that is no folder, and where home is if there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bnlab.machine.paths import ensure_home, why_no_folder
from tests.conftest import QUICK, environment
from tests.report import stored


def test_a_folder_that_was_made_since_did_not_exist(tmp_path: Path) -> None:
    """Cause: a report beside the start of a training, which makes the folder, said that it was no folder."""
    made = tmp_path / "runs"
    made.mkdir()
    assert why_no_folder(made) == ("does not exist", "")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert why_no_folder(tmp_path / "file") == ("is not a folder", "")


def test_a_process_without_a_home_gets_the_root_as_containers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: HOME unset and a user without an entry in passwd; altair fails when it is imported."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    with pytest.raises(RuntimeError, match="home"):
        Path.home()
    ensure_home()
    assert os.environ["HOME"] == os.sep
    assert Path.home() == Path(os.sep)


def test_a_home_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    ensure_home()
    assert os.environ["HOME"] == "/somewhere"


NOBODY = """
import pwd, runpy

def nobody(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")

pwd.getpwuid = nobody
runpy.run_module("bnlab", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("train", *QUICK, "quiet=true"), ("report", "-o", "out")], ids=lambda words: words[0]
)
def test_a_user_without_an_entry_in_passwd_trains_and_reports(command: tuple[str, ...], tmp_path: Path) -> None:
    """Cause: as `docker run --user 54321` starts it; a library failed when it was imported."""
    stored.arm(tmp_path / "runs", "none", [0.9, 0.91])
    variables = {name: value for name, value in environment().items() if name not in ("HOME", "USER", "LOGNAME")}
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, *command],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
