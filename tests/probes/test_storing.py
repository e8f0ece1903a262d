"""probes.csv: what is asked for is there, whole, and the rest of a run's files is as without probes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bnlab.report import Question, answer, read
from bnlab.store import MEASURED, DamagedError, Measured, read_probes
from tests.conftest import Cli
from tests.launch.test_checkpoints import interrupt_after

TRAIN = ("train", "threads=1", "data.limit=320", "data.batch_size=32", "epochs=2", "model.hidden=[8]", "quiet=true")
PROBED = (*TRAIN, "probes.names=[activations,gradients]", "probes.every=4")


def stored(folder: Path, runs: str = "runs") -> Path:
    (seed,) = folder.glob(f"{runs}/*/seed-0")
    return seed


def test_a_run_has_its_probes_and_the_same_metrics(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN, "runs_dir=without").code == 0
    assert cli(*PROBED).code == 0
    with_probes, without = stored(tmp_path), stored(tmp_path, "without")
    assert (with_probes / "metrics.csv").read_bytes() == (without / "metrics.csv").read_bytes()
    assert with_probes.parent.name == without.parent.name
    assert not (without / "probes.csv").exists()
    rows = read_probes(with_probes)
    assert sorted({row.step for row in rows}) == [0, 4, 8, 12, 16]
    assert {row.probe for row in rows} == {"activations", "gradients"}
    assert read_probes(with_probes, ["gradients"]) == [row for row in rows if row.probe == "gradients"]
    result = json.loads((with_probes / "result.json").read_text())
    assert result["probed"] == {"names": ["activations", "gradients"], "every": 4, "layers": None}
    assert "probes.csv" in result["digests"]
    (with_probes / "probes.csv").write_text("changed")
    assert cli("runs", "check").code == 1


def test_what_is_stored_without_them_is_trained_again_and_that_is_said(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN).code == 0
    metrics = (stored(tmp_path) / "metrics.csv").read_bytes()
    answer = cli(*PROBED, "quiet=false")
    assert answer.code == 0
    assert "1 replicate is stored without these probes, which are measured in training: training again" in answer.err
    assert len(read_probes(stored(tmp_path))) > 0
    assert (stored(tmp_path) / "metrics.csv").read_bytes() == metrics
    written = (stored(tmp_path) / "probes.csv").stat().st_mtime_ns
    for enough in (TRAIN, PROBED, (*PROBED, "probes.names=[gradients]", "probes.every=8")):
        assert cli(*enough).code == 0
        assert (stored(tmp_path) / "probes.csv").stat().st_mtime_ns == written
    assert cli(*PROBED, "probes.every=6", "probes.layers=[layers.2]").code == 0
    assert {row.layer for row in read_probes(stored(tmp_path))} == {"layers.2"}
    assert cli(*TRAIN, "rerun=true").code == 0
    assert not (stored(tmp_path) / "probes.csv").exists()


def test_after_an_interruption_they_are_the_same_to_the_bit(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = (*PROBED, "checkpoint_every=0", "probes.every=3", "epochs=3")
    assert cli(*probed, "runs_dir=whole").code == 0
    with monkeypatch.context() as patch:
        interrupt_after(13, patch)
        assert cli(*probed).code == 130
    assert cli(*probed).code == 0
    whole = (stored(tmp_path, "whole") / "probes.csv").read_bytes()
    assert (stored(tmp_path) / "probes.csv").read_bytes() == whole
    assert json.loads((stored(tmp_path) / "result.json").read_text())["resumed_at_steps"]
    assert not list(tmp_path.rglob("members.json"))


def test_nothing_counts_from_the_step_that_diverges_on(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN, "optimizer=sgd", "optimizer.lr=1e30", "probes.names=[gradients]", "probes.every=1").code == 0
    result = json.loads((stored(tmp_path) / "result.json").read_text())
    steps = {row.step for row in read_probes(stored(tmp_path))}
    assert max(steps) + 1 < result["diverged_at_step"]


@pytest.mark.parametrize(
    "text", ["step,probe\n", f"{','.join(MEASURED)}\n1,a,b\n", f"{','.join(MEASURED)}\nx,a,b,c,1\n"]
)
def test_a_damaged_file_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "probes.csv").write_text(text)
    with pytest.raises(DamagedError):
        read_probes(tmp_path)
    (tmp_path / "probes.csv").write_text(f"{','.join(MEASURED)}\n3,gradients,model,gradient_norm,inf\n")
    assert read_probes(tmp_path) == [Measured(3, "gradients", "model", "gradient_norm", float("inf"))]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "probes.names=[gradient]",
            "allowed: activations, gradients, running, landscape, shift. Did you mean 'gradients'?",
        ),
        (
            "probes.names=[shift,shift]",
            "probes.names=[shift,shift] is out of range; it has to be a list of distinct names",
        ),
        ("probes.names=shift", "probes.names=shift is of the wrong type; it has to be a list of names"),
        ("probes.every=0", "probes.every=0 is out of range; it has to be 1 to 1000000000"),
        ("probes.layers=[]", "it has to be a list of distinct layers, or null for all"),
        ("probes.nams=[shift]", "unknown setting 'probes.nams'"),
        (
            "probes=shift",
            "probes=shift is of the wrong type; it has to be a section of settings, e.g. probes.every=100",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(given: str, told: str, cli: Cli, tmp_path: Path) -> None:
    answer = cli(*TRAIN, given)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert told in answer.err
    assert not (tmp_path / "runs").exists()


def test_a_layer_that_is_not_there_is_one_line(cli: Cli, tmp_path: Path) -> None:
    answer = cli(*PROBED, "probes.layers=[layers.33]")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "no layer 'layers.33' to measure; it has model, layers.3, layers.4, layers.2, layers.6." in answer.err
    assert not (tmp_path / "runs").exists()


def test_runs_rm_removes_them(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN, "epochs=1", "probes.names=[gradients]").code == 0
    assert cli("runs", "rm", stored(tmp_path).parent.name, "--yes").code == 0
    assert not [path for path in (tmp_path / "runs").glob("*") if not path.name.startswith(".")]


def test_another_engine_has_none(cli: Cli, tmp_path: Path) -> None:
    answer = cli(*PROBED, "engine=keras")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "probes.names=[activations,gradients] are measured by engine=bnlab only, not by engine=keras" in answer.err


def test_they_are_exported_and_drawn(cli: Cli, tmp_path: Path) -> None:
    few = ("epochs=1", "seeds=2", "probes.names=[gradients]", "probes.every=8", "probes.layers=[layers.2,model]")
    assert cli(*TRAIN[:-1], "-m", "norm=batch,none", *few).code == 0
    assert cli("runs", "export", "all.csv", "--probes").code == 0
    table = pd.read_csv(tmp_path / "all.csv")
    assert list(table.columns) == ["run", "seed", *MEASURED]
    rows = {path.parent.parent.name: read_probes(path.parent) for path in tmp_path.glob("runs/*/seed-1/probes.csv")}
    for run, own in rows.items():
        exported = table[(table["run"] == run) & (table["seed"] == 1)]
        *keys, value = MEASURED
        assert exported[keys].to_numpy().tolist() == [list(row)[:-1] for row in own]
        assert exported[value].tolist() == pytest.approx([list(row)[-1] for row in own], rel=1e-15)
    replicates, _ = read([tmp_path / "runs"])
    charts = answer(replicates, [], Question(by=["norm.name"]), "").charts
    names = ("gradient_norm", "weight_norm", "update_norm", "effective_lr")
    assert {f"probe-gradients-{name}" for name in names} == {name for name in charts if name.startswith("probe-")}
    (points,) = (each for each in charts["probe-gradients-weight_norm"].to_dict()["datasets"].values())
    norms = table[table["quantity"] == "weight_norm"]
    assert len(points) == 2 * 2 * 2  # arms, layers and looks
    assert sorted(point["mean"] for point in points) == pytest.approx(
        sorted(norms.groupby(["run", "layer", "step"])["value"].mean())
    )
