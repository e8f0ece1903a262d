"""Stored runs: what their files hold, when they are reused, and that equal commands give equal bytes."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bnlab.config import from_mapping
from bnlab.launch.outcomes import Outcome, run
from bnlab.store import answers_file
from tests.compose import compose
from tests.conftest import QUICK, Cli, environment, files_below


def outcome(tmp_path: Path, *overrides: str) -> Outcome:
    """One trained or stored replicate, without the command line's seconds."""
    ((only,),) = run([from_mapping(compose([*QUICK, "quiet=true", f"runs_dir={tmp_path / 'runs'}", *overrides]))])
    return only


def test_the_stored_configuration_is_what_the_address_is_the_digest_of(tmp_path: Path) -> None:
    """Anyone can check an address: SHA-256 of config.yaml as sorted JSON, first ten digits."""
    path = outcome(tmp_path, "norm=rms", "optimizer=sgd", "model.bias=true").folder.parent / "config.yaml"
    stored = yaml.safe_load(path.read_text())
    digest = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    assert path.parent.name.endswith(f"-{digest[:10]}")
    assert stored["norm"]["name"] == "rms"
    assert stored["data"]["limit"] == 200
    assert not {"seed", "seeds", "device", "threads", "runs_dir"} & set(stored)


def test_files_of_a_run(tmp_path: Path) -> None:
    folder = outcome(tmp_path, "epochs=2").folder.parent
    names = {name for name in files_below(folder) if not Path(name).name.startswith(".")}
    own = ("result.json", "metrics.csv", "timing.csv", "answers.bin", "run.log")
    assert names == {"config.yaml", *(f"seed-0/{n}" for n in own)}

    metrics = (folder / "seed-0" / "metrics.csv").read_text()
    assert metrics.splitlines()[0] == "epoch,step,split,loss,accuracy"
    rows = [(row["epoch"], row["step"], row["split"]) for row in csv.DictReader(metrics.splitlines())]
    splits = ("train", "validation", "test")
    assert rows == [
        *(("1", "7", split) for split in splits),
        *(("2", "14", split) for split in (*splits, "test_batch_stats")),
    ]
    timing = list(csv.DictReader((folder / "seed-0" / "timing.csv").read_text().splitlines()))
    assert [(row["epoch"], row["step"], row["replicates"]) for row in timing] == [("1", "7", "1"), ("2", "14", "1")]
    seconds = [float(row["seconds"]) for row in timing]
    assert 0 < seconds[0] < seconds[1]
    # One replicate's images per second, since the evaluation before: 200 images an epoch.
    assert float(timing[1]["images_per_second"]) == pytest.approx(200 / (seconds[1] - seconds[0]), rel=0.1)

    result = json.loads((folder / "seed-0" / "result.json").read_text())
    assert (result["schema"], result["seed"], result["state"]) == (1, 0, "done")
    assert (result["diverged_at_step"], result["error"]) == (None, None)
    answers = answers_file.parsed((folder / "seed-0" / "answers.bin").read_bytes())
    assert answers is not None
    assert answers.images == 200
    assert answers.right / 200 == result["final"]["test_accuracy"]
    last = {(row["split"]): row for row in csv.DictReader(metrics.splitlines())}
    for split in (*splits, "test_batch_stats"):
        assert result["final"][f"{split}_loss"] == float(last[split]["loss"])
        assert result["final"][f"{split}_accuracy"] == float(last[split]["accuracy"])
    assert {"bnlab", "torch", "torchvision", "python", "platform", "cpu", "device", "threads", "commit"} <= set(
        result["environment"]
    )
    assert result["environment"]["threads"] == 1
    log = (folder / "seed-0" / "run.log").read_text().splitlines()
    assert [line.partition(" ")[2] for line in log] == ["training starts", "done"]


def metrics_of(folder: Path) -> bytes:
    (path,) = folder.glob("*/seed-*/metrics.csv")
    return path.read_bytes()


def test_the_same_command_in_two_processes_gives_the_same_bytes_and_another_seed_does_not(
    cli: Cli, tmp_path: Path
) -> None:
    command = ["train", *QUICK, "--quiet"]
    process = [sys.executable, "-m", "bnlab", *command, "runs_dir=a"]
    done = subprocess.run(process, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert cli(*command, "runs_dir=b", "seed=0").code == 0
    assert cli(*command, "runs_dir=c", "seed=1").code == 0
    assert metrics_of(tmp_path / "a") == metrics_of(tmp_path / "b")
    assert metrics_of(tmp_path / "c") != metrics_of(tmp_path / "a")


def test_a_stored_result_is_reported_instead_of_trained_again(cli: Cli, tmp_path: Path) -> None:
    first = cli("train", *QUICK)
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    again = cli("train", *QUICK)
    assert (again.code, again.err) == (0, "")
    assert "rerun=true trains anew" in again.out
    assert table(again.out) == table(first.out)
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == before


def test_a_replicate_that_diverges_has_no_answers_not_even_old_ones(tmp_path: Path) -> None:
    diverging = ("norm=none", "optimizer=sgd", "optimizer.lr=1e30", "steps=20")
    folder = outcome(tmp_path, *diverging).folder
    (folder / "answers.bin").write_bytes(b"of another training")
    assert outcome(tmp_path, *diverging, "rerun=true").result.state == "diverged"
    assert not (folder / "answers.bin").exists()


def test_rerun_trains_anew(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK).code == 0
    before = metrics_of(tmp_path / "runs")
    again = cli("train", *QUICK, "rerun=true")
    assert " epoch training validation " in again.err
    assert "stored" not in again.out
    assert metrics_of(tmp_path / "runs") == before
    (log,) = tmp_path.glob("runs/*/seed-0/run.log")
    assert len(log.read_text().splitlines()) == 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1, "seed": 0, "state": "running"}'])
def test_a_result_that_is_not_final_or_cannot_be_read_is_trained(text: str, tmp_path: Path) -> None:
    path = outcome(tmp_path, "steps=1").folder / "result.json"
    assert not outcome(tmp_path, "steps=1").trained
    path.write_text(text)
    assert outcome(tmp_path, "steps=1").trained
    assert json.loads(path.read_text())["state"] == "done"
    damaged = path.with_name("result-damaged.json")
    assert damaged.exists() == ("schema" not in text)


def test_a_damaged_result_is_kept_aside_and_this_is_said(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK).code == 0
    (path,) = tmp_path.glob("runs/*/seed-0/result.json")
    path.write_text("garbage")
    answer = cli("train", *QUICK)
    assert answer.code == 0
    said = f"{path.relative_to(tmp_path)} is damaged: it cannot be read as JSON (Expecting value: line 1 column 1 "
    assert said in answer.err
    assert "; it is kept as result-damaged.json, and the replicate is trained\n" in answer.err
    assert path.with_name("result-damaged.json").read_text() == "garbage"
    assert json.loads(path.read_text())["state"] == "done"


@pytest.mark.parametrize("rerun", [(), ("rerun=true",)], ids=["repeated", "rerun"])
@pytest.mark.parametrize("schema", [0, 2])
def test_a_result_of_another_schema_is_never_overwritten(
    schema: int, rerun: tuple[str, ...], cli: Cli, tmp_path: Path
) -> None:
    assert cli("train", *QUICK).code == 0
    (path,) = tmp_path.glob("runs/*/seed-0/result.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": schema}))
    grows = ".index.jsonl"  # has a line more for the other seed
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path) if not name.endswith(grows)}
    answer = cli("train", *QUICK, "--quiet", *rerun, "seeds=2")
    assert answer.code == 1
    assert answer.err == (
        f"failed: seed 0: {path.relative_to(tmp_path)} has schema {schema}; this version reads schema 1. It is left as "
        "it is: use the bnlab that wrote it, another runs_dir, or `bnlab runs rm` to train anew\n"
    )
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    (other,) = tmp_path.glob("runs/*/seed-1/result.json")
    assert json.loads(other.read_text())["state"] == "done"


def test_an_older_schema_is_upgraded_where_there_is_a_function_for_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("train", *QUICK).code == 0
    (path,) = tmp_path.glob("runs/*/seed-0/result.json")
    result = json.loads(path.read_text())
    for sealed in ("run", "digests", "digest"):
        del result[sealed]
    renamed = {"result_state" if key == "state" else key: value for key, value in result.items()}
    path.write_text(json.dumps(renamed | {"schema": 0}))
    (path.parents[1] / ".index.jsonl").unlink()  # as in a store from before there was one

    def upgrade(old: dict[str, object]) -> dict[str, object]:
        return {"state" if key == "result_state" else key: old[key] for key in old} | {"schema": 1}

    monkeypatch.setattr("bnlab.store.result_file.UPGRADES", {0: upgrade})
    assert "1 stored before" in cli("train", *QUICK).out
    assert "done" in cli("runs").out
    assert cli("report").code == 0


def test_a_diverged_run_is_a_result(cli: Cli, tmp_path: Path) -> None:
    diverging = ("norm=none", "optimizer=sgd", "schedule=step", "schedule.every_epochs=1", "schedule.gamma=1e30")
    answer = cli("train", *QUICK, "epochs=5", *diverging)
    assert answer.code == 0
    (path,) = tmp_path.glob("runs/*/seed-0/result.json")
    result = json.loads(path.read_text())
    step = result["diverged_at_step"]
    assert result["state"] == "diverged"
    assert 7 < step <= 14
    assert re.search(rf"diverged at step {step}: the loss is not finite", answer.out)
    # What was measured before is kept.
    rows = list(csv.DictReader((path.parent / "metrics.csv").read_text().splitlines()))
    assert [(row["step"], row["split"]) for row in rows] == [("7", "train"), ("7", "validation"), ("7", "test")]
    assert result["final"]["test_accuracy"] == float(rows[2]["accuracy"])
    assert "the loss is not finite" in (path.parent / "run.log").read_text()
    again = cli("train", *QUICK, "epochs=5", *diverging)
    assert (again.code, again.err) == (0, "")
    assert "diverged" in again.out


def test_a_run_that_breaks_in_its_last_step_has_diverged(tmp_path: Path) -> None:
    broken = outcome(tmp_path, "steps=1", "norm=none", "optimizer=sgd", "optimizer.lr=1e38")
    text = (broken.folder / "result.json").read_text()
    assert "NaN" not in text  # which is no JSON
    assert json.loads(text)["state"] == "diverged"


def test_evaluations_are_rows_at_each_epochs_end_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    """200 images in batches of 32 are 7 steps an epoch."""
    text = (outcome(tmp_path, "steps=10", "eval_every=3", "norm=none").folder / "metrics.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    steps = [int(row["step"]) for row in rows if row["split"] == "test"]
    assert steps == [3, 6, 7, 9, 10]
    assert [row["epoch"] for row in rows if row["split"] == "test"] == [
        "0.428571",
        "0.857143",
        "1",
        "1.285714",
        "1.428571",
    ]
    assert [int(row["step"]) for row in rows if row["split"] == "test_batch_stats"] == [10]


def table(text: str) -> list[str]:
    return [line for line in text.splitlines() if "│" in line]
