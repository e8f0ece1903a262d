"""Training follows no link out of runs_dir, for reading, locking or writing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import QUICK, Cli
from tests.store.hostile import state_of

TRAIN = (*QUICK, "quiet=true", "norm=none")


def moved(path: Path, outside: Path) -> None:
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


def the_run(run: Path, outside: Path) -> None:
    moved(run, outside)


def the_replicate(run: Path, outside: Path) -> None:
    moved(run / "seed-0", outside)


def the_result(run: Path, outside: Path) -> None:
    moved(run / "seed-0" / "result.json", outside)


def the_log(run: Path, outside: Path) -> None:
    (run / "seed-0" / "result.json").unlink()
    moved(run / "seed-0" / "run.log", outside)


def the_stacks(run: Path, outside: Path) -> None:
    (run / "seed-0" / "result.json").unlink()
    (run.parent / ".stacks").rmdir()
    (outside / "stacks").mkdir()
    (run.parent / ".stacks").symlink_to(outside / "stacks")


def the_index(run: Path, outside: Path) -> None:
    (run / "seed-0" / "result.json").unlink()
    moved(run / ".index.jsonl", outside)


def the_lock(run: Path, outside: Path) -> None:
    (run / "seed-0" / "result.json").unlink()
    (outside / "victim").write_text("precious")
    (run.parent / ".lock").unlink()
    (run.parent / ".lock").symlink_to(outside / "victim")


@pytest.mark.parametrize("link", [the_run, the_replicate, the_result, the_log, the_stacks, the_index, the_lock])
@pytest.mark.parametrize("rerun", [(), ("rerun=true",)], ids=["repeated", "rerun"])
def test_training_leaves_what_is_outside(
    link: Callable[[Path, Path], None], rerun: tuple[str, ...], cli: Cli, tmp_path: Path
) -> None:
    """Cause: run.log was appended to where a link pointed, and whole replicates were written there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    assert cli("train", *TRAIN).code == 0
    (run,) = (tmp_path / "runs").glob("none-*")
    link(run, outside)
    before = state_of(outside)
    answer = cli("train", *TRAIN, *rerun)
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "link" in answer.err or "no regular file" in answer.err
    assert state_of(outside) == before


def test_files_follow_the_umask(cli: Cli, tmp_path: Path) -> None:
    """Cause: they were 0644 under a umask of 077."""
    before = os.umask(0o077)
    try:
        assert cli("train", *TRAIN).code == 0
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert modes == {0o600}
