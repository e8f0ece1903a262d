import math
from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.report.comparison import Comparison, frame
from bnlab.report.comparison import comparing as module

from . import stored

T_2 = 4.302653  # t(.975, 2), from a printed table


def compare(
    root: Path, by: tuple[str, ...] = (), metric: str = "test_accuracy", baseline: str | None = None
) -> Comparison:
    return module.compare(frame.read([root])[0], by, metric, baseline)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    stored.arm(tmp_path, "batch", [0.97, 0.98, 0.99])
    stored.arm(tmp_path, "layer", [0.98, 0.98, 0.98])
    stored.arm(tmp_path, "none", [0.95, 0.97, 0.96])
    return tmp_path


def error(root: Path, **keywords: object) -> str:
    with pytest.raises(UserError) as caught:
        compare(root, **keywords)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_numbers_of_an_arm(three: Path) -> None:
    row = compare(three).summary.set_index("norm.name").loc["batch"]
    assert (row["n"], row["diverged"]) == (3, 0)
    assert (row["mean"], row["sd"]) == pytest.approx((0.98, 0.01))
    reach = T_2 * 0.01 / math.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((0.98 - reach, 1.0), abs=1e-8)


def test_best_first_is_the_highest_accuracy_and_the_lowest_loss(tmp_path: Path) -> None:
    for name, accuracy, loss in (("a", 0.90, 0.30), ("b", 0.92, 0.40), ("c", 0.91, 0.20)):
        stored.replicate(stored.run(tmp_path, name), 0, accuracy, loss=loss)
    stored.replicate(stored.run(tmp_path, "0"), 0, None, state="diverged")
    assert compare(tmp_path).summary["norm.name"].tolist() == ["b", "c", "a", "0"]
    assert compare(tmp_path, metric="test_loss").summary["norm.name"].tolist() == ["c", "a", "b", "0"]


def test_one_seed_has_a_mean_and_no_spread(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9])
    row = compare(tmp_path).summary.iloc[0]
    assert (row["arm"], row["n"], row["mean"]) == ("all", 1, 0.9)
    assert row[["sd", "low", "high"]].isna().all()


def test_default_columns_are_what_differs(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9], norm="  momentum: 0.1\n")
    stored.arm(tmp_path, "group", [0.9], norm="  num_groups: 4\n", folder="g4")
    stored.arm(tmp_path, "group", [0.9], norm="  num_groups: 8\n", folder="g8")
    # momentum has one value where there is one, and the name says where: it tells no run from another.
    assert compare(tmp_path).by == ["norm.name", "norm.num_groups"]


def test_a_key_that_only_one_run_has_tells_it_apart_if_nothing_else_does(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9], folder="a")
    stored.arm(tmp_path, "batch", [0.8], folder="b", norm="  ghost: 16\n")
    arms = compare(tmp_path).summary["arm"].tolist()
    assert arms == ["norm.ghost=-", "norm.ghost=16"]


def test_equal_runs_are_one_arm(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9, 0.8])
    result = compare(tmp_path)
    assert (result.by, result.summary["arm"].tolist(), result.notes) == ([], ["all"], [])


def test_repeated_columns_count_once(three: Path) -> None:
    assert compare(three, by=("norm.name", "run", "norm.name")).by == ["norm.name", "run"]


def test_diverged_replicates_are_counted_beside_n(tmp_path: Path) -> None:
    run = stored.arm(tmp_path, "none", [0.9, 0.92])
    stored.replicate(run, 2, 0.1, state="diverged")
    stored.replicate(run, 3, None, state="diverged")
    result = compare(tmp_path)
    row = result.summary.iloc[0]
    assert (row["n"], row["diverged"], row["mean"]) == (2, 2, pytest.approx(0.91))
    assert result.left_out == []


def test_unfinished_replicates_are_named_and_not_counted(tmp_path: Path) -> None:
    run = stored.arm(tmp_path, "none", [0.9])
    stored.replicate(run, 1, None)
    stored.replicate(run, 2, 0.5, state="running", environment={})
    stored.replicate(run, 3, 0.5, state="interrupted")
    stored.replicate(run, 4, None, state="failed", error="ValueError: bad")
    result = compare(tmp_path)
    assert result.summary[["n", "mean"]].to_numpy().tolist() == [[1, 0.9]]
    assert result.left_out == [
        "not counted, as done but has no finite test_accuracy: none-0a/seed-1",
        "not counted, as running: none-0a/seed-2",
        "not counted, as interrupted: none-0a/seed-3",
        "not counted, as failed: none-0a/seed-4 (ValueError: bad)",
    ]
    assert result.notes == []


def test_unfinished_replicates_are_one_line_of_each_state(three: Path) -> None:
    """A sweep that had begun gave a line for every replicate."""
    for seed in range(20, 30):
        stored.replicate(three / "none-0a", seed, None, state="running", environment={})
    names = "none-0a/seed-20, none-0a/seed-21, none-0a/seed-22"
    assert compare(three).left_out == [f"not counted, as running: {names} and 7 more"]


def test_only_diverged_replicates_are_compared_by_any_metric_there_is(tmp_path: Path) -> None:
    """Without a single final score the metric was unknown, and the report refused."""
    run = stored.run(tmp_path, "none")
    stored.replicate(run, 0, None, state="diverged")
    stored.replicate(run, 1, None, state="running", environment={})
    result = compare(tmp_path)
    assert result.summary[["n", "diverged"]].to_numpy().tolist() == [[0, 1]]
    assert "unknown metric 'test_acuracy'" in error(tmp_path, metric="test_acuracy")


def test_paired_difference(three: Path) -> None:
    result = compare(three, baseline="norm.name=none")
    rows = result.summary.set_index("norm.name")
    # Pairs by seed, batch - none: .02, .01, .03. Three tests, of which the lead is one: t(1 - .025 / 3, 2) = 7.6488.
    reach = 7.648804 * 0.01 / math.sqrt(3)
    batch = rows.loc["batch"]
    numbers = [batch["difference"], batch["difference_low"], batch["difference_high"]]
    assert numbers == pytest.approx([0.02, 0.02 - reach, 0.02 + reach], abs=1e-8)
    assert rows.loc[["batch", "layer"], "method"].tolist() == ["paired", "paired"]
    assert rows.loc["none", ["difference", "difference_low", "difference_high", "method"]].isna().all()
    assert result.notes == ["differences to none are of pairs with equal seeds"]


def test_welch_where_the_seeds_do_not_match(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.95, 0.96, 0.97, 0.96])
    batch = stored.run(tmp_path, "batch")
    for seed, accuracy in ((3, 0.97), (4, 0.98), (5, 0.99), (6, 0.98)):
        stored.replicate(batch, seed, accuracy)
    result = compare(tmp_path, baseline="norm.name=none")
    row = result.summary.iloc[0]
    # t(.975, 6): equal variances and n give 2 n - 2. One seed of four in common makes no pairs.
    reach = 2.446912 * math.sqrt(0.0002 / 3) * math.sqrt(2 / 4)
    expected = [0.02, 0.02 - reach, 0.02 + reach]
    assert row[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(expected, abs=1e-8)
    assert row["method"] == "Welch"
    assert result.notes == ["no pairs to none, as seeds differ, so Welch's t: batch"]


def test_an_arm_or_a_baseline_without_results_has_no_difference(three: Path) -> None:
    stored.replicate(stored.run(three, "rms"), 0, None, state="diverged")
    rows = compare(three, baseline="norm.name=none").summary.set_index("norm.name")
    assert rows.loc["rms", ["mean", "difference"]].isna().all()
    assert compare(three, baseline="norm.name=rms").summary["difference"].isna().all()


@pytest.mark.parametrize("baseline", ["optimizer.lr=1e-3", "optimizer.lr=0.001", "norm.name=batch,optimizer.lr=.001e0"])
def test_a_baseline_is_matched_by_value(tmp_path: Path, baseline: str) -> None:
    stored.arm(tmp_path, "batch", [0.9], folder="a", lr="1.0e-03")
    stored.arm(tmp_path, "batch", [0.8], folder="b", lr=0.01)
    if "norm.name" in baseline:
        baseline = baseline.replace(".001e0", "0.1e-2")
    result = compare(tmp_path, by=("norm.name", "optimizer.lr"), baseline=baseline)
    assert result.baseline == "norm.name=batch, optimizer.lr=0.001"


def test_a_baseline_may_hold_a_list(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9])
    stored.arm(tmp_path, "none", [0.9])
    result = compare(tmp_path, by=("model.hidden", "norm.name"), baseline="model.hidden=[128, 64], norm.name=none")
    assert result.baseline == "model.hidden=[128,64], norm.name=none"


def test_baseline_errors_list_the_arms(three: Path) -> None:
    every = "norm.name=batch; norm.name=layer; norm.name=none"
    assert error(three, baseline="norm.name=nome") == (
        f"baseline 'norm.name=nome' is none of the arms: {every}. Did you mean 'norm.name=none'?"
    )
    assert error(three, baseline="norm.nam=none") == (
        "baseline 'norm.nam=none': the arms are made by: norm.name; add 'norm.nam' to --by. Did you mean 'norm.name'?"
    )
    assert error(three, baseline="none") == ("baseline 'none' is not of the form column=value, as in norm.name=none")
    assert error(three, by=("norm.impl", "norm.name"), baseline="norm.impl=native") == (
        "baseline 'norm.impl=native' is 3 arms: norm.impl=native, norm.name=batch; norm.impl=native, norm.name=layer; "
        "norm.impl=native, norm.name=none; give more column=value, with commas"
    )


def test_a_baseline_of_a_single_arm(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9])
    assert error(tmp_path, baseline="norm.name=batch") == (
        "baseline 'norm.name=batch': the arms are not told apart by any column; add 'norm.name' to --by."
    )


def test_an_unknown_column_lists_the_columns(three: Path) -> None:
    text = error(three, by=("norm.nmae",))
    start, end = "unknown column 'norm.nmae'; allowed: ", ". Did you mean 'norm.name'?"
    assert text.startswith(start)
    assert text.endswith(end)
    names = text.removeprefix(start).removesuffix(end).split(", ")
    assert names == sorted(names)
    assert {"data.name", "environment.torch", "epochs", "norm.impl", "norm.name", "optimizer.lr", "run"} <= set(names)
    assert not {"seed", "state", "folder", "test_accuracy"} & set(names)


@pytest.mark.parametrize("name", ["seed", "state", "error", "test_accuracy"])
def test_what_is_measured_makes_no_arms(three: Path, name: str) -> None:
    assert error(three, by=(name,)).startswith(f"unknown column '{name}'; allowed: ")


def test_a_metric_that_no_run_has_lists_the_metrics(three: Path) -> None:
    text = "unknown metric 'test_acuracy'; allowed: test_accuracy, test_loss. Did you mean 'test_accuracy'?"
    assert error(three, metric="test_acuracy") == text


def test_no_metric_at_all_says_why(tmp_path: Path) -> None:
    run = stored.run(tmp_path, "batch")
    stored.replicate(run, 0, None, state="failed")
    stored.replicate(run, 1, None, state="running")
    stored.replicate(run, 2, None, state="failed")
    assert error(tmp_path) == (
        "no run has the metric 'test_accuracy', or any: none has finished (2 failed, 1 running); train on: bnlab train"
    )
