"""A study from its command to its verdicts: locked, trained once, repeated, explained, checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2.functional import adjust_contrast

from bnlab import data, runs, studies
from bnlab.errors import UserError
from bnlab.launch import trained_model
from bnlab.store import read_study_locks
from bnlab.studies import judging, running
from bnlab.studies.charting import heights
from bnlab.studies.running import prepare
from tests.conftest import Cli, files_below
from tests.studies.written import SWEPT, write

LATE = {"says": "Sooner.", "kind": "better", "metric": {"kind": "steps_to", "of": "test_accuracy", "goal": 99.9}}
LOST = {"kind": "lost", "of": "test_accuracy", "shifts": ["contrast=0.3"]}


def test_a_study_is_locked_trained_once_and_says_what_came_out(cli: Cli, tmp_path: Path) -> None:
    metric = {"kind": "area", "of": "test_accuracy"}
    control = {"says": "Equal.", "kind": "equal", "metric": metric, "arm": "batch", "to": "again", "margin": 20}
    never = LATE | {"arm": "batch", "than": "none"}
    changes = {
        "arms/again": ["norm=batch", "norm.impl=custom"],
        "hypotheses/control": control,
        "hypotheses/never": never,
    }
    write(tmp_path, changes)
    study = ("study", "small.yaml", "--budget", "quick", "quiet=true")

    explained = cli(*study, "--explain")
    assert explained.code == 0
    assert "Supported if batch is better than none by more than chance." in explained.out
    assert "18 of its 18 replicates are not trained yet" in explained.out
    assert files_below(tmp_path) == {"small.yaml"}

    first = cli(*study)
    assert (first.code, first.err) == (0, "")
    assert "control: supported: batch against again, average test accuracy over the training: " in first.out
    assert "never: inconclusive: " in first.out
    assert "6 of 6 seeds of batch, 6 of 6 seeds of none" in first.out
    (lock,) = read_study_locks(
        tmp_path / "runs", studies.planned(studies.find("small.yaml"), "quick", ["quiet=true"]).name
    )
    assert (lock.said["seeds"], lock.said["hypotheses"]["control"]["margin"], lock.trained) == (6, 20, 0)
    results = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/seed-*/result.json")}
    assert len(results) == 18
    assert json.loads(next(iter(results)).read_text())["command"].startswith("bnlab study small.yaml --budget quick")

    again = cli(*study, "--json")
    (data,) = json.loads(again.out)
    assert {path: path.stat().st_mtime_ns for path in results} == results
    assert [verdict["hypothesis"] for verdict in data["verdicts"]] == ["higher", "control", "never"]
    assert data["verdicts"][1]["verdict"] == "supported"
    assert data["verdicts"][2] | {"effect": None, "means": {"batch": None, "none": None}} == data["verdicts"][2]
    assert data["amendments"] == []

    write(tmp_path, changes | {"hypotheses/control/margin": 25, "hypotheses/never/expected": "supported"})
    (stored,) = (tmp_path / "runs/.studies").iterdir()
    as_locked = stored.read_text()
    unlocked = cli(*study, "--explain")
    assert "not locked to this yet; run it: bnlab study small.yaml" in unlocked.out
    assert stored.read_text() == as_locked
    amended = cli(*study, "--check")
    assert amended.code == 1
    assert amended.err == "not as expected: never (inconclusive, not supported)\n"
    assert "hypotheses.control.margin was 20.0 and is 25.0" in amended.out
    assert "18 of its 18 replicates had been trained before that" in amended.out
    told = cli(*study, "--explain")
    assert "What the words mean:" in told.out
    assert "amended" in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["small.yaml", "seeds=5"], "5 seeds can never decide late"),
        (["small.yaml", "seeds=5"], "at least 6 would do, write seeds=6"),
        (["small.yaml", "norm=layer"], "norm is what study small varies"),
        (["small.yaml", "seed=3"], "seed=3: a study has several seeds"),
        (["small.yaml", "seeds=many"], "seeds=many is not allowed for a study"),
        (["small.yaml", "epochs=1,2"], "epochs=1,2 has several values"),
        (["small.yaml", "model.hiden=[4]"], "Did you mean 'hidden'"),
        (["small.yaml", "--budget", "huge"], "--budget huge is not allowed; allowed: quick or full"),
        (["small.yaml", "--all"], "a study's name and --all are given"),
        ([], "no study is named"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    arguments: list[str], said: str, cli: Cli, tmp_path: Path
) -> None:
    write(tmp_path, {"hypotheses/late": LATE | {"arm": "batch", "than": "none"}})
    answer = cli("study", *arguments)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert files_below(tmp_path) == {"small.yaml"}


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ({"kind": "at_step", "of": "test_accuracy", "step": 3}, "is not evaluated at step 3 (of 4)"),
        ({"kind": "area", "of": "test_accuracy"}, "is evaluated once, and an area needs two points"),
        (
            {"kind": "probe", "probe": "shift", "quantity": "cosine", "more_is_better": True},
            "the probe shift is not asked for; add probes.names=[shift]",
        ),
        ("validation_accuracy", "data.validation_size=0 leaves no validation accuracy at the end"),
        (LOST, "no weights are kept for test accuracy lost at contrast=0.3; add keep_checkpoint=true"),
        (LOST | {"shifts": ["contrst=2"]}, "Did you mean 'contrast'?"),
    ],
)
def test_a_metric_of_what_is_never_evaluated_is_refused(metric: object, said: str, tmp_path: Path) -> None:
    changes = {"hypotheses/higher/metric": metric, "arms/none": ["norm=none", "data.validation_size=0"]}
    typed = [f"runs_dir={tmp_path}", *(["eval_every=4"] if "once" in said else [])]
    plan = studies.planned(studies.find(str(write(tmp_path, changes))), "quick", typed)
    with pytest.raises(UserError) as error:
        prepare(plan)
    assert said in str(error.value)


def test_what_is_lost_on_changed_images_is_that_of_the_kept_weights(tmp_path: Path) -> None:
    """Against torchvision's change of the test images, and the plain model."""
    changes = {"hypotheses/higher/metric": LOST, "chart": {"x": "contrast"}}
    typed = [f"runs_dir={tmp_path}", "quiet=true", "seeds=2", "keep_checkpoint=true"]
    plan = studies.planned(studies.find(str(write(tmp_path, changes))), "quick", typed)
    judged = judging.judge(running.train(prepare(plan)))
    mnist = data.load("mnist")
    images = adjust_contrast(mnist.test_images[:200].unsqueeze(1), 0.3).float() / 255
    for cell, outcomes in judged.trained.outcomes.items():
        run = runs.find(runs.read(tmp_path), f"{outcomes[1].folder.parent.name}/seed-1")
        with torch.no_grad():
            right = trained_model(run).model(images).argmax(1) == mnist.test_labels[:200]
        after = 100 * float(right.double().mean())
        before = 100 * outcomes[1].result.final["test_accuracy"]
        lost = judged.verdicts[0].values.read[cell.arm, cell.at][1]
        assert lost == pytest.approx(before - after)
        assert heights(plan.study.chart, None, judged.measured[cell][1]) == pytest.approx({1: before, 0.3: after})


def test_the_same_under_two_names_is_trained_once_and_is_whole(tmp_path: Path) -> None:
    """A negative control."""
    write(tmp_path, {"arms/again": ["norm=batch"]})
    settings = [f"runs_dir={tmp_path / 'runs'}", "quiet=true"]
    plan = studies.planned(studies.find(str(tmp_path / "small.yaml")), "quick", settings)
    assert prepare(plan).missing == 12
    running.train(prepare(plan))
    assert prepare(plan).missing == 0
    assert running.stored(prepare(plan)) is not None


def test_all_leaves_out_what_needs_a_package_that_is_not_there(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, package in (("here", "torch"), ("away", "no_such_package")):
        write(tmp_path, {"needs": [package]}, f"{name}.yaml")
    monkeypatch.setattr(studies, "names", lambda: ["away.yaml", "here.yaml"])
    answer = cli("study", "--all", "--budget", "quick", "--explain")
    assert (answer.code, answer.err) == (0, "away is left out: it needs no_such_package, which pip installs\n")
    assert "here: Does batch norm help?" in answer.out


def test_all_leaves_out_what_needs_a_data_set_that_is_not_there(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ["data=kmnist", "model=mlp", "model.hidden=[8]", "threads=1"]
    write(tmp_path, {"overrides": overrides}, "away.yaml")
    monkeypatch.setattr(studies, "names", lambda: ["away.yaml"])
    root = tmp_path / "data"
    root.mkdir()
    study = ("study", "--all", "--budget", "quick", "--explain", f"data.root={root}")
    answer = cli(*study)
    said = "away is left out: its data set is not here; data.download=true fetches it\n"
    assert (answer.code, answer.err, answer.out) == (0, said, "")
    answer = cli("study", "--write", f"data.root={root}")
    assert (answer.code, answer.err) == (0, said)
    raw = root / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{part}-{kind}-ubyte.gz").touch()
    assert "away: Does batch norm help?" in cli(*study).out


def test_later_settings_win_and_a_length_replaces_the_other(tmp_path: Path) -> None:
    study = studies.find(str(write(tmp_path, {"sweep": SWEPT, "hypotheses/higher/at": {"optimizer.lr": 0.1}})))
    plan = studies.planned(study, "full", ["epochs=1", "seeds=3"])
    assert len(plan.jobs) == 6
    assert plan.replicates == 18
    job = next(job for cell, job in plan.jobs.items() if str(cell) == "batch, optimizer.lr=0.1")
    assert set(job) == {
        *("model=mlp", "model.hidden=[8]", "threads=1", "epochs=1", "data.limit=200", "eval_every=2"),
        *("norm=batch", "optimizer.lr=0.1", "seeds=3"),
    }
    assert plan.name != studies.planned(study, "full").name == "small.full"


def test_a_study_is_no_group_of_train(cli: Cli) -> None:
    answer = cli("train", "study=convergence")
    assert (answer.code, answer.err) == (
        2,
        "error: study=convergence: a study is a command of its own; write bnlab study convergence\n",
    )


def test_every_shipped_study_is_listed_with_its_question(cli: Cli) -> None:
    answer = cli("study", "--list")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines()] == studies.names()
    assert studies.names()[:2] == ["convergence", "learning_rate"]
