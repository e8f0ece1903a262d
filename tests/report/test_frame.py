import json
import math
from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.report.comparison import frame

from . import stored

ADDED = {
    "model.width": "null",
    "model.depth": "null",
    "model.residual": "false",
    "model.norm_at": "null",
    "model.dropout": "0.0",
    "data.accumulate": "1",
    "data.split_seed": "null",
    "optimizer.clip_norm": "null",
    "optimizer.adaptive_clip": "null",
}
"""Settings that came later, as all runs of before had them."""


def test_one_row_per_replicate_with_config_finals_and_environment(tmp_path: Path) -> None:
    run = stored.run(tmp_path, "batch", norm="  eps: 1.0e-05\n", lr=0.01)
    stored.replicate(run, 10, 0.97, loss=0.2)
    stored.replicate(run, 2, None, state="failed", error="RuntimeError:\n no memory")
    table, warnings = frame.read([tmp_path])
    assert warnings == []
    failed, done = table.to_dict("records")
    assert (failed["run"], failed["seed"], failed["state"]) == ("batch-0a", 2, "failed")
    assert failed["error"] == "RuntimeError: no memory"
    assert math.isnan(failed["test_accuracy"])
    assert (done["seed"], done["state"], done["error"]) == (10, "done", "")
    assert (done["test_accuracy"], done["test_loss"]) == (0.97, 0.2)
    config = {name: done[name] for name in frame.config_columns(table)}
    added = {name: value for name, value in config.items() if name in ADDED}
    assert added == ADDED
    assert {name: value for name, value in config.items() if name not in ADDED} == {
        "norm.name": "batch",
        "norm.impl": "native",
        "norm.eps": "1e-05",
        "model.name": "mlp",
        "model.hidden": "[128,64]",
        "model.bias": "null",
        "data.name": "mnist",
        "data.validation_size": "10000",
        "data.normalize": "none",
        "data.drop_last": "false",
        "optimizer.name": "adam",
        "optimizer.lr": "0.01",
        "epochs": "2",
    }
    assert (done["environment.torch"], done["environment.threads"]) == ("2.14.1", "2")
    assert frame.metric_columns(table) == ["test_accuracy", "test_loss"]


def test_a_key_that_a_run_lacks_is_nan_and_not_null(tmp_path: Path) -> None:
    stored.arm(tmp_path, "group", [0.9], norm="  num_groups: null\n")
    stored.arm(tmp_path, "none", [0.9])
    table, _ = frame.read([tmp_path])
    group, none = table["norm.num_groups"].tolist()
    assert group == "null"
    assert math.isnan(none)


def test_run_folders_and_roots_can_be_mixed_without_reading_twice(tmp_path: Path) -> None:
    run = stored.arm(tmp_path / "runs", "batch", [0.9, 0.8])
    (tmp_path / "runs" / ".cache").mkdir()
    table, warnings = frame.read([run, tmp_path / "runs", run / ".." / run.name])
    assert table["seed"].tolist() == [0, 1]
    assert warnings == []


def test_a_copied_replicate_is_not_a_second_one(tmp_path: Path) -> None:
    stored.arm(tmp_path / "a", "batch", [0.9])
    stored.arm(tmp_path / "b", "batch", [0.9, 0.8])
    table, warnings = frame.read([tmp_path / "a", tmp_path / "b"])
    assert table["seed"].tolist() == [0, 1]
    original, copy = (tmp_path / folder / "batch-0a" / "seed-0" for folder in "ab")
    same = "of the same configuration and seed as another"
    assert warnings == [f"skipped 1 replicate {same}: {copy} repeats {original}"]
    stored.arm(tmp_path / "c", "batch", [0.9, 0.8])
    table, warnings = frame.read([tmp_path / folder for folder in "abc"])
    assert table["seed"].tolist() == [0, 1]
    assert warnings == [f"skipped 3 replicates {same}: {copy} repeats {original} and 2 more"]  # one line for all labels


def test_the_same_replicate_under_another_version_is_another_row(tmp_path: Path) -> None:
    stored.arm(tmp_path / "a", "batch", [0.9])
    newer = stored.ENVIRONMENT | {"torch": "2.15.0"}
    stored.replicate(stored.run(tmp_path / "b", "batch"), 0, 0.9, environment=newer)
    table, warnings = frame.read([tmp_path / "a", tmp_path / "b"])
    assert (table["environment.torch"].tolist(), warnings) == (["2.14.1", "2.15.0"], [])


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "no config.yaml"),
        (b"norm: {name: [batch", "config.yaml is damaged: it is not valid YAML (while parsing a flow sequence"),
        (b"just words", "config.yaml is damaged: it is no mapping of keys to values"),
        (b"", "config.yaml is damaged: it is no mapping of keys to values"),
        (b"\xff\xfe\x00", "config.yaml is damaged: it is no text in UTF-8 (invalid start byte at byte 0)"),
        (
            b"x: !!python/object/apply:os.getcwd []",
            "config.yaml is damaged: it has the tag tag:yaml.org,2002:python/object/apply:os.getcwd, and bnlab",
        ),
    ],
)
def test_a_run_with_a_broken_config_is_skipped_with_its_reason(
    tmp_path: Path, config: bytes | None, reason: str
) -> None:
    stored.arm(tmp_path, "good", [0.9])
    bad = stored.arm(tmp_path, "bad", [0.9])
    (bad / "config.yaml").unlink()
    if config is not None:
        (bad / "config.yaml").write_bytes(config)
    table, (warning,) = frame.read([tmp_path])
    assert table["run"].tolist() == ["good-0a"]
    assert warning.startswith(f"skipped {bad}: {reason}")
    assert "\n" not in warning


def test_a_run_without_replicates_is_skipped(tmp_path: Path) -> None:
    stored.arm(tmp_path, "good", [0.9])
    bad = stored.run(tmp_path, "bad")
    _, warnings = frame.read([tmp_path])
    assert warnings == [f"skipped {bad}: no seed-N folder"]


GOOD = {"schema": 1, "seed": 1, "state": "done", "final": {"test_accuracy": 0.5}}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "no result.json"),
        ('{"schema": 1', "result.json is damaged: it cannot be read as JSON (Expecting ',' delimiter"),
        ("[]", "result.json is damaged: it is no JSON object"),
        (json.dumps(GOOD | {"schema": 2}), "result.json has schema 2; this version reads schema 1"),
        ("{}", "result.json is damaged: it is no JSON object with a schema"),
        (json.dumps(GOOD | {"seed": None}), "result.json is damaged: it has no seed or no state"),
        (json.dumps(GOOD | {"seed": "1"}), 'result.json is damaged: it has seed "1"; a whole number is expected'),
        (
            json.dumps(GOOD | {"state": "fine"}),
            "result.json is damaged: it has the state fine; allowed: done, diverged, failed, running, interrupted",
        ),
        (json.dumps(GOOD | {"final": [1]}), "result.json is damaged: it has final [1]; a mapping of "),
        (json.dumps(GOOD | {"final": {"loss": "low"}}), 'result.json is damaged: it has final.loss "low"; a number '),
        (json.dumps(GOOD | {"environment": 3}), "result.json is damaged: it has environment 3; a mapping "),
    ],
)
def test_a_broken_replicate_is_skipped_and_the_others_are_read(tmp_path: Path, result: str | None, reason: str) -> None:
    run = stored.arm(tmp_path, "batch", [0.9])
    bad = run / "seed-1"
    bad.mkdir()
    if result is not None:
        (bad / "result.json").write_text(result, encoding="utf-8")
    table, (warning,) = frame.read([tmp_path])
    assert table["seed"].tolist() == [0]
    assert warning.startswith(f"skipped {bad}: {reason}")
    assert "\n" not in warning


def test_a_folder_that_does_not_exist_names_the_nearest(tmp_path: Path) -> None:
    stored.arm(tmp_path / "runs", "batch", [0.9])
    wrong = tmp_path / "rums"
    with pytest.raises(UserError) as caught:
        frame.read([wrong])
    expected = f"runs folder '{wrong}' does not exist; give run folders, or a folder that holds them."
    assert str(caught.value) == f"{expected} Did you mean 'runs'?"


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.touch()
    with pytest.raises(UserError, match="is not a folder; give run folders, or a folder that holds them"):
        frame.read([file])


def test_no_run_at_all_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        frame.read([tmp_path])
    assert str(caught.value) == f"no run to report in '{tmp_path}'; train one first: bnlab train"


def test_only_broken_runs_are_named_in_the_error(tmp_path: Path) -> None:
    bad = stored.run(tmp_path, "bad")
    with pytest.raises(UserError) as caught:
        frame.read([tmp_path])
    reason = f"skipped {bad}: no seed-N folder"
    assert str(caught.value) == f"no run to report in '{tmp_path}' ({reason}); train one first: bnlab train"
