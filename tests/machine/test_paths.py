"""What is said of a path that is no folder, and where home is if there is none."""

import os
from pathlib import Path

import pytest

from bnlab.machine.paths import ensure_home, why_no_folder


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
