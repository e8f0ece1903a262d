"""What a Python program gets is what the commands do: the same runs, numbers, sentences and refusals."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import bnlab
from bnlab.data import load
from tests.conftest import Cli, environment

QUICK = {"threads": 1, "steps": 6, "data.limit": 200, "quiet": True, "keep_checkpoint": True}
TYPED = ("threads=1", "steps=6", "data.limit=200", "quiet=true", "keep_checkpoint=true")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> bnlab.Runs:
    folder = tmp_path_factory.mktemp("swept")
    return bnlab.sweep({"norm": ["none", "batch"]}, seeds=2, runs_dir=folder, **QUICK)


def test_importing_it_imports_little() -> None:
    """Modules are counted, since time depends on the machine: 20 or so more than a bare interpreter's."""
    program = "import sys; before = set(sys.modules); import bnlab; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=True
    )
    imported = done.stdout.split()
    roots = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
    assert roots == {"bnlab"}
    assert len(imported) < 60, imported


def test_a_run_is_the_commands_own(cli: Cli, swept: bnlab.Runs) -> None:
    folders = {folder.name: folder for folder in swept.folders}
    assert cli("train", "-m", "norm=none,batch", "seeds=2", *TYPED).code == 0
    assert {path.name for path in Path("runs").iterdir() if not path.name.startswith(".")} == folders.keys()
    for name, folder in folders.items():
        typed = (Path("runs") / name / "seed-1" / "metrics.csv").read_bytes()
        assert (folder / "seed-1" / "metrics.csv").read_bytes() == typed


def test_what_is_stored_is_not_trained_again_and_only_the_seeds_asked_for_come(swept: bnlab.Runs) -> None:
    (batch,) = (folder for folder in swept.folders if folder.name.startswith("batch"))
    before = (batch / "seed-1" / "result.json").stat().st_mtime_ns
    again = bnlab.train(norm="batch", seeds=[1], runs_dir=batch.parent, **QUICK)
    assert (again.frame["seed"].tolist(), again.folders) == ([1], [batch])
    assert (batch / "seed-1" / "result.json").stat().st_mtime_ns == before


def test_tables_hold_what_the_files_hold(swept: bnlab.Runs) -> None:
    stored = bnlab.load_runs(swept.folders[0].parent)
    assert (len(stored), repr(stored)) == (4, "<2 runs, 4 replicates: 4 done>")
    assert stored.frame.equals(swept.frame)
    for folder in stored.folders:
        assert stored.configs[folder.name].tree == yaml.safe_load((folder / "config.yaml").read_text())
        for seed in (0, 1):
            with (folder / f"seed-{seed}" / "metrics.csv").open() as file:
                rows = [(r["split"], int(r["step"]), float(r["loss"])) for r in csv.DictReader(file)]
            curves = stored.curves[(stored.curves["run"] == folder.name) & (stored.curves["seed"] == seed)]
            assert [tuple(row) for row in curves[["split", "step", "loss"]].to_numpy().tolist()] == rows
    assert "test_accuracy" in stored._repr_html_()


def test_probes_are_those_of_the_files(swept: bnlab.Runs, tmp_path: Path) -> None:
    assert swept.probes.empty
    probed = bnlab.train(
        norm="batch", seeds=2, runs_dir=tmp_path, **QUICK, **{"probes.names": ["gradients"], "probes.every": 3}
    )
    (folder,) = probed.folders
    for seed in (0, 1):
        with (folder / f"seed-{seed}" / "probes.csv").open() as file:
            rows = [
                (r["probe"], r["layer"], r["quantity"], int(r["step"]), float(r["value"])) for r in csv.DictReader(file)
            ]
        mine = probed.probes[probed.probes["seed"] == seed][["probe", "layer", "quantity", "step", "value"]]
        assert rows
        assert [tuple(row) for row in mine.to_numpy().tolist()] == rows


def test_a_comparison_says_and_writes_what_the_report_does(cli: Cli, swept: bnlab.Runs, tmp_path: Path) -> None:
    folder = swept.folders[0].parent
    made = bnlab.compare(swept, by="norm.name", metric="validation_accuracy", baseline="norm.name=none")
    question = ("--by", "norm.name", "--metric", "validation_accuracy", "--baseline", "norm.name=none")
    printed = cli("report", str(folder), *question, "-o", "typed").out
    assert [line[2:] for line in printed.splitlines() if line.startswith("* ")] == made.sentences
    assert made.sentences == [verdict.sentence for verdict in made.verdicts] == str(made).splitlines()
    made.write(tmp_path / "written")
    for name in ("summary.csv", "comparisons.csv", "verdicts.json"):
        assert (tmp_path / "written" / name).read_bytes() == (tmp_path / "typed" / name).read_bytes()
    assert made.tables["summary"]["mean"].tolist() == pytest.approx(
        swept.frame.groupby("norm.name")["validation_accuracy"].mean().sort_values(ascending=False).tolist()
    )
    html = made._repr_html_()
    assert "<ul><li>" in html
    assert "validation accuracy (%), best first" in html


def test_a_verdict_knows_what_it_is_about(swept: bnlab.Runs) -> None:
    verdicts = bnlab.compare(swept, by="norm.name", baseline="norm.name=none").verdicts
    assert {arm for verdict in verdicts for arm in verdict.arms} == {"norm.name=none", "norm.name=batch"}
    (pair,) = {pair for verdict in verdicts for pair in verdict.pairs}
    assert {pair.first, pair.second} == {"norm.name=none", "norm.name=batch"}


def test_charts_are_altairs_and_show_themselves(swept: bnlab.Runs) -> None:
    charts = bnlab.compare(swept, by="norm.name").charts
    assert "final-test_accuracy" in charts
    for chart in charts.values():
        assert chart._repr_mimebundle_()
        assert chart.to_dict()["params"][0]["name"] == "page"


def test_the_network_scores_as_it_did(swept: bnlab.Runs) -> None:
    (batch,) = (folder for folder in swept.folders if folder.name.startswith("batch"))
    network = bnlab.load_model(batch, seed=1)
    stored = torch.load(batch / "seed-1" / "weights.pt", weights_only=True)
    assert stored.keys() == network.state_dict().keys()
    assert all(torch.equal(value, stored[name]) for name, value in network.state_dict().items())
    source = load("mnist")
    with torch.no_grad():
        right = network(source.test_images[:200, None].float() / 255).argmax(1) == source.test_labels[:200]
    frame = swept.frame[(swept.frame["run"] == batch.name) & (swept.frame["seed"] == 1)]
    assert frame["test_accuracy"].tolist() == [pytest.approx(right.double().mean().item(), abs=1e-9)]


@pytest.mark.parametrize(
    ("settings", "typed"),
    [
        ({"norm": "batchnorm"}, "norm=batchnorm"),
        ({"norm.eps": 0.0}, "norm.eps=0.0"),
        ({"norm.momentm": 0.1}, "norm.momentm=0.1"),
        ({"seeds": 0}, "seeds=0"),
        ({"epochs": "many"}, "epochs=many"),
        ({"data.batch_size": 1}, "data.batch_size=1"),
    ],
)
def test_it_refuses_with_the_commands_words(cli: Cli, settings: dict[str, Any], typed: str) -> None:
    answer = cli("train", typed)
    with pytest.raises(bnlab.UserError) as refused:
        bnlab.train(settings)
    assert (answer.code, answer.err) == (2, f"error: {refused.value}\n")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: bnlab.train({"--cfg": "job"}), "'--cfg' is no setting's name; write it as on the command line"),
        (lambda: bnlab.train({"seeds": 2}, seeds=3), "seeds is set twice: in the dict and by its name"),
        (lambda: bnlab.train(norm=torch.nn.BatchNorm1d), "is of the type type; allowed: a text, a number"),
        (lambda: bnlab.sweep({"norm": []}), "norm=[] has no value to be tried"),
        (lambda: bnlab.load_runs("nowhere"), "runs folder 'nowhere' does not exist"),
        (lambda: bnlab.compare(margin=-1.0), "--margin -1.0 is not a number above 0"),
        (lambda: bnlab.load_model("none", 0), "runs folder 'runs' does not exist"),
    ],
)
def test_a_wrong_call_is_one_line(call: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bnlab.UserError) as refused:
        call()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_were_not_kept_are_told(tmp_path: Path) -> None:
    bnlab.train(runs_dir=tmp_path, norm="none", **{**QUICK, "keep_checkpoint": False})
    with pytest.raises(bnlab.UserError, match="has no weights; train with keep_checkpoint=true"):
        bnlab.load_model("none", runs_dir=tmp_path)
