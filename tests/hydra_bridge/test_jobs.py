"""Sweeps: every job is checked before the first starts, and every failure is listed at the end."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bnlab import launch
from bnlab.config import RunConfig
from bnlab.errors import SweepFailedError
from bnlab.hydra_bridge.jobs import own_settings
from bnlab.launch import preflight
from tests.conftest import QUICK, Cli, files_below

LAUNCHERS = ["basic", "stacked"]


def sweep(cli: Cli, launcher: str, *arguments: str) -> tuple[int, str, str]:
    answer = cli("train", "-m", f"hydra/launcher={launcher}", *QUICK, "--quiet", *arguments)
    return answer.code, answer.out, answer.err


def states(folder: Path) -> dict[str, str]:
    """`none-mlp/seed-0`: done, of every replicate."""
    found = {}
    for path in folder.glob("runs/*/*/result.json"):
        run = path.parts[-3].rpartition("-")[0]
        found[f"{run}/{path.parts[-2]}"] = json.loads(path.read_text())["state"]
    return found


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_combination_has_its_folder(launcher: str, cli: Cli, tmp_path: Path) -> None:
    code, out, err = sweep(cli, launcher, "norm=none,batch", "seed=range(0,2)")
    assert (code, err) == (0, "")
    assert states(tmp_path) == {f"{run}/seed-{n}": "done" for run in ("none-mlp", "batch-native-mlp") for n in (0, 1)}
    assert len(list((tmp_path / "runs").glob("[!.]*"))) == 2
    assert all(f"\n {name} " in out for name in ("none", "batch"))
    # Nothing of Hydra's own is left behind.
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
    assert not [name for name in files_below(tmp_path) if ".hydra" in name or "multirun" in name]


def test_a_sweep_of_both_launchers_and_single_runs_share_one_store(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "--quiet", "norm=none", "seed=1").code == 0
    assert sweep(cli, "basic", "norm=none,batch", "seed=0,1")[0] == 0
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    code, out, _ = sweep(cli, "stacked", "norm=none,batch", "seed=0,1")
    assert code == 0
    assert "4 stored before" in out
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == before


def test_minus_m_may_stand_anywhere(cli: Cli, tmp_path: Path) -> None:
    for arguments in (["norm=none", "-m", "seed=0,1"], ["--quiet", "-m", "seed=0,1"]):
        answer = cli("train", *QUICK, *arguments)
        assert answer.code == 0, answer.err
    assert set(states(tmp_path)) == {f"{run}/seed-{n}" for run in ("none-mlp", "batch-native-mlp") for n in (0, 1)}


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["seed=0,1,-1"],
        ["data.batch_size=32,201"],
        ["norm=none,instance"],
        ["norm=batch,group", "norm.num_groups=8"],
    ],
)
def test_one_illegal_job_and_none_is_started(launcher: str, arguments: list[str], cli: Cli, tmp_path: Path) -> None:
    code, out, err = sweep(cli, launcher, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_class_of_ones_own_beside_other_schemes(launcher: str, cli: Cli, tmp_path: Path) -> None:
    """Its settings are its own; so are all those that one choice of the sweep alone has."""
    (tmp_path / "mine.py").write_text("from torch import nn\nclass MyNorm(nn.BatchNorm1d): pass\n", encoding="utf-8")
    norms = "norm=none,batch,custom_class,frn"
    own = ["norm.target=mine.py:MyNorm", "norm.kwargs={eps: 0.001}", "norm.tlu=false"]
    code, _, err = sweep(cli, launcher, norms, *own, "seed=0")
    assert (code, err) == (0, "")
    runs = ("none-mlp", "batch-native-mlp", "MyNorm-mlp", "frn-custom-mlp")
    assert states(tmp_path) == {f"{run}/seed-0": "done" for run in runs}


def test_of_all_that_there_is_what_cannot_be_used_here_is_left_out(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[tuple[str, int]] = []

    def check(config: RunConfig) -> None:
        checked.append((config.norm.name, config.seed))
        preflight.check(config)

    monkeypatch.setattr(launch, "check", check)
    code, out, err = sweep(cli, "stacked", "norm=glob([none,ins*,cust*])", "seed=0,1")
    assert code == 0
    assert sorted(checked) == [("instance", 0), ("instance", 1), ("none", 0), ("none", 1)]  # each once
    assert states(tmp_path) == {"none-mlp/seed-0": "done", "none-mlp/seed-1": "done"}
    custom, instance = err.splitlines()
    assert custom == "left out: norm=custom_class, since norm.target is not set; write norm.target=VALUE"
    assert instance.startswith("left out: norm=instance, since norm=instance cannot be used here: instance ")
    assert "2 replicates: 2 done" in out


def test_where_nothing_is_left_the_first_reason_is_given(cli: Cli, tmp_path: Path) -> None:
    code, out, err = sweep(cli, "stacked", "norm=glob(*)", "optimizer.lr=-1")
    assert (code, out) == (2, "")
    assert err.startswith("error: optimizer.lr=-1 is out of range; ")
    assert files_below(tmp_path) == set()


def test_jobs_that_differ_in_nothing_of_their_own_are_one() -> None:
    jobs = [[f"norm={norm}", f"norm.tlu={tlu}"] for norm in ("none", "frn") for tlu in ("true", "false")]
    assert own_settings(jobs) == [["norm=none"], *jobs[2:]]


def test_a_replicate_that_several_jobs_mean_is_counted_once(cli: Cli, tmp_path: Path) -> None:
    code, out, err = sweep(cli, "stacked", "norm=none", "norm.impl=native,custom")
    assert (code, err) == (0, "")
    assert states(tmp_path) == {"none-mlp/seed-0": "done"}
    assert "1 replicate: 1 done" in out


def broken(module: nn.Module, x: Tensor) -> Tensor:
    """Fails in training alone; what is checked before it has no gradients."""
    if not torch.is_grad_enabled():
        return x
    raise RuntimeError(f"{type(module).__name__} is\nbroken")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_failure_is_listed_and_the_others_are_stored(
    launcher: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["norm=none,layer,batch,rms", "seed=0"]
    with monkeypatch.context() as patch:
        patch.setattr(nn.LayerNorm, "forward", broken)
        patch.setattr(nn.RMSNorm, "forward", broken)
        code, _, err = sweep(cli, launcher, *arguments)
    assert code == 1
    assert "Traceback" not in err
    first, *listed = err.splitlines()
    assert first == "failed: 2 of 4 jobs failed; the others are stored"
    for line, norm, reason in zip(listed, ("layer", "rms"), ("LayerNorm is broken", "RMSNorm is broken"), strict=True):
        assert line.startswith("  ")
        assert f"norm={norm} seed=0: " in line
        assert reason in line
    expected = {
        "none-mlp": "done",
        "layer-native-mlp": "failed",
        "batch-native-mlp": "done",
        "rms-native-mlp": "failed",
    }
    assert states(tmp_path) == {f"{run}/seed-0": state for run, state in expected.items()}
    (result,) = tmp_path.glob("runs/layer-*/seed-0/result.json")
    assert json.loads(result.read_text())["error"].startswith("RuntimeError: LayerNorm is")

    # The same command again trains what failed, and only that.
    done = {path: path.read_bytes() for path in tmp_path.glob("runs/[nb]*/seed-0/*")}
    code, _, err = sweep(cli, launcher, *arguments)
    assert (code, err) == (0, "")
    assert set(states(tmp_path).values()) == {"done"}
    assert {path: path.read_bytes() for path in done} == done


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_divergence_is_no_failure(launcher: str, cli: Cli, tmp_path: Path) -> None:
    code, out, err = sweep(cli, launcher, "norm=none", "optimizer=sgd", "optimizer.lr=0.1,1e30")
    assert (code, err) == (0, "")
    metrics = {}
    for path in tmp_path.glob("runs/*/*/result.json"):
        metrics[json.loads(path.read_text())["state"]] = (path.parent / "metrics.csv").read_text().splitlines()
    assert metrics["diverged"] == ["epoch,step,split,loss,accuracy"]  # nothing is told of it afterwards
    assert len(metrics["done"]) == 5
    assert "diverged at step" in out


def test_the_error_is_an_exception_that_names_its_jobs() -> None:
    from bnlab.hydra_bridge.jobs import failures_of

    error = failures_of({"seed=1": "no memory", "seed=2": "no luck"}, jobs=5)
    assert isinstance(error, SweepFailedError)
    assert str(error).splitlines() == [
        "2 of 5 jobs failed; the others are stored",
        "  seed=1: no memory",
        "  seed=2: no luck",
    ]
