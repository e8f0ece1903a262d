"""Robust summaries and chances to be better, per data set and over data sets."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import trim_mean

from bnlab import stats
from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import lines
from bnlab.report.comparison import Comparison, compare, frame
from bnlab.report.tables import Table, robust

from . import stored

MNIST = {"batch": [0.97, 0.975, 0.96, 0.981, 0.972], "none": [0.95, 0.96, 0.94, 0.971, 0.93]}
KMNIST = {"batch": [0.90, 0.92, 0.91, 0.89, 0.93], "none": [0.91, 0.90, 0.905, 0.88, 0.925]}


def store(root: Path, name: str, values: list[float], data: str) -> None:
    path = stored.arm(root, name, values, folder=f"{name}-{data}") / "config.yaml"
    path.write_text(path.read_text().replace("name: mnist", f"name: {data}"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for data, arms in (("mnist", MNIST), ("kmnist", KMNIST)):
        for name, values in arms.items():
            store(tmp_path, name, values, data)
    return tmp_path


def compared(
    runs: Path, *, metric: str = "test_accuracy", baseline: str | None = None, planned: int | None = None
) -> Comparison:
    base = baseline and f"norm.name={baseline},data.name=mnist"
    return compare(frame.read([runs])[0], ("norm.name", "data.name"), metric, base, planned=planned)


def rows(comparison: Comparison) -> dict[tuple[str, str], dict[str, Any]]:
    """By arm and data set."""
    return {(row["arm"], row["data"]): row for row in records(robust.table(comparison))}


def chances(comparison: Comparison) -> dict[tuple[str, str, str], dict[str, Any]]:
    """By both arms and data set."""
    return {(row["arm"], row["against"], row["data"]): row for row in records(robust.improvement(comparison))}


def records(found: Table | None) -> list[dict[str, Any]]:
    assert found is not None
    every: list[dict[str, Any]] = found.data.replace("norm.name=", "", regex=True).to_dict("records")  # type: ignore[assignment]
    return every


def test_a_row_per_data_set_and_one_over_all_of_them(runs: Path) -> None:
    found = rows(compared(runs))
    assert set(found) == {(arm, data) for arm in MNIST for data in ("mnist", "kmnist", "all")}
    both = found["batch", "all"]
    assert both["interquartile_mean"] == pytest.approx(trim_mean([*MNIST["batch"], *KMNIST["batch"]], 0.25))
    assert both["low"] < both["interquartile_mean"] < both["high"]
    assert both["n"] == 10


def test_without_a_baseline_every_two_arms_have_a_chance_to_be_better(runs: Path) -> None:
    """It was there with --baseline only."""
    third = [0.99, 0.985, 0.991]
    store(runs, "rms", third, "mnist")
    found = chances(compared(runs))
    of = {"mnist": MNIST | {"rms": third}, "kmnist": KMNIST}
    expected = {
        (one, other, data): stats.superiority(arms[one], arms[other])
        for data, arms in of.items()
        for one, other in combinations(("rms", "batch", "none"), 2)
        if {one, other} <= set(arms)
    }
    over_all = ("batch", "none", "all")
    expected[over_all] = float(np.mean([expected["batch", "none", data] for data in ("mnist", "kmnist")]))
    assert {key: row["better"] for key, row in found.items()} == pytest.approx(expected)
    assert found[over_all]["low"] < found[over_all]["better"] < found[over_all]["high"]
    assert found[over_all]["n"] == 10


def test_with_one_each_other_arm_is_held_against_it(runs: Path) -> None:
    store(runs, "rms", [0.99, 0.985, 0.991], "mnist")
    found = chances(compared(runs, baseline="none"))
    assert {(one, other) for one, other, _ in found} == {("rms", "none"), ("batch", "none")}


def test_a_seed_that_diverged_is_the_worst_one(runs: Path) -> None:
    for seed in (5, 6, 7, 8, 9):
        stored.replicate(runs / "none-mnist", seed, None, state="diverged")
    comparison = compared(runs)
    found = rows(comparison)["none", "mnist"]
    assert (found["n"], found["interquartile_mean"]) == (10, -np.inf)
    table = robust.table(comparison)
    assert table is not None
    assert "diverged" in table.cells["interquartile mean"].tolist()


def test_of_losses_less_is_better(runs: Path) -> None:
    """The losses of these runs are 1 - accuracy."""
    comparison = compared(runs, metric="test_loss", baseline="none")
    found = rows(comparison)["batch", "mnist"]
    assert found["interquartile_mean"] == pytest.approx(1 - trim_mean(MNIST["batch"], 0.25))
    assert found["low"] < found["interquartile_mean"] < found["high"]
    better = chances(comparison)["batch", "none", "mnist"]["better"]
    assert better == pytest.approx(stats.superiority(MNIST["batch"], MNIST["none"]))


def test_before_the_planned_seeds_no_arm_is_held_against_another(runs: Path) -> None:
    assert robust.improvement(compared(runs, planned=9)) is None


@pytest.mark.parametrize("metric", ["test_accuracy", "test_loss"])
def test_a_profile_over_data_sets_is_of_all_their_seeds(metric: str, runs: Path) -> None:
    """There was one per data set only. An arm that was not run on all of them is named."""
    store(runs, "rms", [0.99, 0.985, 0.991, 0.992, 0.993], "mnist")
    comparison = compared(runs, metric=metric)
    drawing = lines.profile_over_data(chart_arms.arms(comparison), comparison)
    assert drawing is not None
    assert drawing.name == f"profile-over-data-{metric}"
    assert "not drawn: rms (not on every data set)" in drawing.subtitle
    (points,) = drawing.specification["datasets"].values()
    assert {point["label"] for point in points} == {"batch", "none"}
    scale, sign = (100, 1) if metric == "test_accuracy" else (1, -1)
    for point in points:
        scores = np.array([*MNIST[point["label"]], *KMNIST[point["label"]]])
        values = scale * scores if sign == 1 else 1 - scores
        # Away from the scores themselves, of which thresholds have six digits.
        if abs(values - point["threshold"]).min() > 1e-5 * scale:
            assert point["share"] == pytest.approx(100 * np.mean(sign * values > sign * point["threshold"]))
    assert {point["n"] for point in points} == {10}
    assert lines.performance_profile(chart_arms.arms(comparison), comparison) is not None
