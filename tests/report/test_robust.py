"""The table of robust summaries, per data set and over data sets."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import trim_mean

from bnlab import report, stats

from . import stored

MNIST = {"batch": [0.97, 0.975, 0.96, 0.981, 0.972], "none": [0.95, 0.96, 0.94, 0.971, 0.93]}
KMNIST = {"batch": [0.90, 0.92, 0.91, 0.89, 0.93], "none": [0.91, 0.90, 0.905, 0.88, 0.925]}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for data, arms in (("mnist", MNIST), ("kmnist", KMNIST)):
        for name, values in arms.items():
            path = stored.arm(tmp_path / "runs", name, values, folder=f"{name}-{data}") / "config.yaml"
            path.write_text(path.read_text().replace("name: mnist", f"name: {data}"))
    return tmp_path / "runs"


def rows(
    runs: Path, *, metric: str = "test_accuracy", baseline: str = "none", plan: int | None = None
) -> dict[tuple[str, str], dict[str, str]]:
    by, base = ("norm.name", "data.name"), f"norm.name={baseline},data.name=mnist"
    question = report.Question(by=by, metric=metric, baseline=base, plan=plan)
    report.make([runs], question, runs.parent / "out", Console(file=io.StringIO()))
    with (runs.parent / "out" / "robust.csv").open(newline="") as file:
        return {(row["arm"].removeprefix("norm.name="), row["data"]): row for row in csv.DictReader(file)}


def test_a_row_per_data_set_and_one_over_all_of_them(runs: Path) -> None:
    found = rows(runs)
    assert set(found) == {(arm, data) for arm in MNIST for data in ("mnist", "kmnist", "all")}
    both = found["batch", "all"]
    assert float(both["interquartile_mean"]) == pytest.approx(trim_mean([*MNIST["batch"], *KMNIST["batch"]], 0.25))
    chances = [stats.superiority(arms["batch"], arms["none"]) for arms in (MNIST, KMNIST)]
    assert float(found["batch", "mnist"]["better"]) == pytest.approx(chances[0])
    assert float(both["better"]) == pytest.approx(np.mean(chances))
    assert float(both["better_low"]) < float(both["better"]) < float(both["better_high"])
    assert (both["n"], found["none", "all"]["better"]) == ("10", "")


def test_a_seed_that_diverged_is_the_worst_one(runs: Path) -> None:
    for seed in (5, 6, 7, 8, 9):
        stored.replicate(runs / "none-mnist", seed, None, state="diverged")
    found = rows(runs)["none", "mnist"]
    assert (found["n"], found["interquartile_mean"]) == ("10", "-inf")
    assert "diverged" in (runs.parent / "out" / "summary.md").read_text()


def test_of_losses_less_is_better(runs: Path) -> None:
    """The losses of these runs are 1 - accuracy."""
    found = rows(runs, metric="test_loss")["batch", "mnist"]
    assert float(found["interquartile_mean"]) == pytest.approx(1 - trim_mean(MNIST["batch"], 0.25))
    assert float(found["low"]) < float(found["interquartile_mean"]) < float(found["high"])
    assert float(found["better"]) == pytest.approx(stats.superiority(MNIST["batch"], MNIST["none"]))


def test_before_the_planned_seeds_no_arm_is_held_against_the_baseline(runs: Path) -> None:
    assert {row["better"] for row in rows(runs, plan=9).values()} == {""}
