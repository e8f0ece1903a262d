"""What is said of a path that is no folder."""

from pathlib import Path

from bnlab.paths import why_no_folder


def test_a_folder_that_was_made_since_did_not_exist(tmp_path: Path) -> None:
    """Cause: a report beside the start of a training, which makes the folder, said that it was no folder."""
    made = tmp_path / "runs"
    made.mkdir()
    assert why_no_folder(made) == ("does not exist", "")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert why_no_folder(tmp_path / "file") == ("is not a folder", "")
