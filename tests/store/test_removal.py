"""`bnlab runs rm` removes bnlab's own files by their names, and follows no link out of runs/."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import Cli, files_below
from tests.report import stored
from tests.store.hostile import state_of


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A run with its stack, somewhere else."""
    folder = tmp_path / "outside"
    stored.arm(folder, "batch", [0.8, 0.9])
    (folder / "stacks" / "1").mkdir(parents=True)
    record = {"schema": 1, "members": ["gone-0a/seed-0"], "rerun": False, "started": True, "command": "x"}
    (folder / "stacks" / "1" / "members.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("what", ["run", "replicate", "stacks", "file"])
def test_links_out_of_the_folder_are_not_followed(what: str, outside: Path, cli: Cli, tmp_path: Path) -> None:
    """Cause: `rm --yes` emptied what a linked run, seed-N or .stacks pointed to."""
    runs = tmp_path / "runs"
    inside = stored.arm(runs, "none", [0.7])
    if what == "run":
        (runs / "linked").symlink_to(outside / "batch-0a")
    elif what == "replicate":
        (inside / "seed-1").symlink_to(outside / "batch-0a" / "seed-1")
    elif what == "stacks":
        (runs / ".stacks").symlink_to(outside / "stacks")
    else:
        (inside / "seed-0" / "metrics.csv").symlink_to(outside / "batch-0a" / "seed-0" / "result.json")
    before = state_of(outside)
    assert cli("runs").code == 0
    answer = cli("runs", "rm", "none", *(["linked"] if what == "run" else []), "--yes")
    assert (answer.code, answer.err) == (0, "")
    assert state_of(outside) == before
    assert files_below(runs) <= {".lock", ".stacks"}
    assert not os.path.lexists(runs / "linked")


def test_what_people_put_beside_is_kept_and_named(cli: Cli, tmp_path: Path) -> None:
    """Cause: notes in a run's folder went with it."""
    run = stored.arm(tmp_path / "runs", "none", [0.7])
    (run / "seed-0" / "notes.txt").write_text("mine")
    (run / "seed-0" / "weights.pt").mkdir()
    (run / "plot.png").write_text("mine")
    answer = cli("runs", "rm", "none", "--yes")
    assert answer.code == 0
    kept = ("runs/none-0a/seed-0/notes.txt", "runs/none-0a/seed-0/weights.pt", "runs/none-0a/plot.png")
    for path in kept[:2]:
        assert f"kept {path}: it is none of bnlab's files" in answer.out
    assert (run / "plot.png").read_text() == "mine"
    assert {path.name for path in (run / "seed-0").iterdir()} == {"notes.txt", "weights.pt"}


def test_a_folder_with_only_a_config_is_anybodys(cli: Cli, tmp_path: Path) -> None:
    """Cause: `runs rm conf` removed a project's conf/ whole."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text("norm: batch\n")
    stored.run(tmp_path, "batch", folder="batch-0123456789")
    answer = cli("runs", "rm", "conf", "batch", "--yes", "--runs-dir", ".")
    assert "kept conf: it is none of bnlab's files" in answer.out
    assert (conf / "config.yaml").read_text() == "norm: batch\n"
    assert not (tmp_path / "batch-0123456789").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "rm", "--older", "", "--yes"),
        ("runs", "--older", ""),
        ("runs", "--name", ""),
        ("report", "--baseline", ""),
    ],
)
def test_an_empty_value_chooses_nothing(arguments: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    """Cause: `--older ''` was any age, so that everything was removed, and `--baseline ''` none."""
    stored.arm(tmp_path / "runs", "none", [0.7])
    before = state_of(tmp_path)
    answer = cli(*arguments)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "'' says nothing; leave the option out, or write a value" in answer.err
    assert state_of(tmp_path) == before


def test_a_lock_that_is_none_keeps_nobody_out(cli: Cli, tmp_path: Path) -> None:
    """Cause: it was taken for one that another process holds, and a link emptied what it pointed to."""
    run = stored.arm(tmp_path / "runs", "none", [0.7, 0.8])
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (run / "seed-0" / ".lock").symlink_to(victim)
    os.mkfifo(run / "seed-1" / ".lock")
    assert "done" in cli("runs").out
    assert "2 replicates removed" in cli("runs", "rm", "none", "--yes").out
    assert victim.read_text() == "precious"
    assert not run.exists()
