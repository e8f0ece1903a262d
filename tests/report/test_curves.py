"""Learning curves, times to a target and costs, from files of every kind."""

from pathlib import Path

import pandas as pd
import pytest

from bnlab import report
from bnlab.errors import UserError
from bnlab.report import tables
from bnlab.report.comparison import Comparison, curves, frame
from bnlab.report.tables import target

from . import stored
from .test_compare import compare
from .test_report import make

HEADER = "epoch,step,split,loss,accuracy\n"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Test accuracies by epoch: batch .77 .87 .97 and .78 .88 .98, none .65 .75 .85 and .66 .76 .86."""
    for name, ends in (("batch", [0.97, 0.98]), ("none", [0.85, 0.86])):
        run = stored.arm(tmp_path, name, ends)
        for seed, end in enumerate(ends):
            stored.curves(run / f"seed-{seed}", end)
    return tmp_path


def timed(comparison: Comparison) -> tuple[Comparison, pd.DataFrame]:
    measured = curves.read(comparison.replicates)
    metrics, timing = measured.metrics, measured.timing
    return comparison, metrics.merge(timing[["row", "step", "seconds"]], on=["row", "step"])


def test_rows_keep_their_replicate(runs: Path) -> None:
    measured = curves.read(frame.read([runs])[0])
    table, warnings = measured.metrics, measured.warnings
    assert warnings == []
    ends = table[(table["split"] == "test") & (table["epoch"] == 3)].set_index("row")["accuracy"]
    assert ends.to_dict() == {0: 0.97, 1: 0.98, 2: 0.85, 3: 0.86}


@pytest.mark.parametrize(
    "text", [None, "", "epoch,step\n1,2\n", HEADER + "1,2,test,0.1\n", HEADER + "1,2,test,0.1,x\n", HEADER + "1,10,te"]
)
def test_a_broken_file_is_named_and_the_others_are_read(runs: Path, text: str | None) -> None:
    path = runs / "none-0a" / "seed-0" / "metrics.csv"
    path.unlink() if text is None else path.write_text(text)
    measured = curves.read(frame.read([runs])[0])
    table, warnings = measured.metrics, measured.warnings
    assert set(table["row"]) == {0, 1, 3}
    reason = f"metrics.csv is missing or does not hold {HEADER.strip()}"
    assert warnings == [f"not in curves and costs: none-0a/seed-0: {reason}"]


def test_epochs_hold_the_mean_of_every_evaluation(runs: Path) -> None:
    comparison = compare(runs)
    table = tables.epochs(*timed(comparison))
    assert table is not None
    assert table.cells.columns.tolist() == ["arm", "1", "2", "3"]
    assert table.cells.to_numpy().tolist() == [
        ["batch", "77.50", "87.50", "97.50"],
        ["none", "65.50", "75.50", "85.50"],
    ]
    # Without room every second evaluation goes, and the last one stays.
    assert table.spare == ("2", "1")
    first = table.data.iloc[0]
    # t(.975, 1) = 12.7062 times .005.
    assert (first["n"], first["high"] - first["mean"]) == (2, pytest.approx(0.063531, abs=1e-6))


def test_a_diverged_replicate_is_no_part_of_a_mean_and_never_reaches_the_target(runs: Path) -> None:
    broken = stored.replicate(runs / "batch-0a", 2, None, state="diverged")
    stored.curves(broken, 0.1, epochs=1)
    comparison, table = timed(compare(runs))
    epochs = tables.epochs(comparison, table)
    assert epochs is not None
    assert ["batch", "77.50", "87.50", "97.50"] in epochs.cells.to_numpy().tolist()
    found = target.reaches(comparison, table, 0.9)
    # Censored at the end of the arm's training, not where it broke.
    assert [tuple(reach) for reach in found["norm.name=batch"]] == [(30, True), (30, True), (30, False)]


def test_time_to_a_target(runs: Path) -> None:
    made = target.table(*timed(compare(runs, baseline="norm.name=none")), 0.76)
    assert made is not None
    # (.775 + .875) / 2 and (.875 + .975) / 2 over equal steps.
    assert made.cells["mean over the curve"].tolist() == ["87.50", "75.50"]
    columns = ["reached", "median step", "mean step, cut at 30", "median seconds"]
    assert made.cells[columns].to_numpy().tolist() == [
        ["2 of 2", "10", "10", "0.5"],
        ["2 of 2", "20", "25", "1.0"],
    ]
    assert made.data[["target", "unit", "horizon"]].to_numpy().tolist() == [[0.76, "step", 30.0]] * 2
    never = target.table(*timed(compare(runs)), 0.9)
    assert never is not None
    assert never.cells["median step"].tolist() == ["30", "not reached"]
    assert never.cells["reached"].tolist() == ["2 of 2", "0 of 2"]


def test_the_horizon_is_where_the_shortest_training_ends(runs: Path) -> None:
    """It was the earliest time at which any arm had reached the target, which cut the others' times short."""
    run = stored.arm(runs, "rms", [0.99], epochs=2)
    stored.curves(run / "seed-0", 0.99, epochs=2)
    made = target.table(*timed(compare(runs, by=("norm.name",))), 0.85)
    assert made is not None
    assert made.data.set_index("arm")["restricted_mean"].to_dict() == {
        "norm.name=rms": 10,
        "norm.name=batch": 20,
        "norm.name=none": 20,
    }
    assert set(made.data["horizon"]) == {20}


def test_replicates_that_diverged_before_an_evaluation_never_reach_the_target(runs: Path) -> None:
    """They have no row in metrics.csv, and were left out as if they had not been trained."""
    for name in ("batch", "rms"):
        run = runs / f"{name}-0a" if name == "batch" else stored.run(runs, name)
        for seed in (7, 8):
            stored.curves(stored.replicate(run, seed, None, state="diverged"), 0.1, epochs=0)
    made = target.table(*timed(compare(runs)), 0.76)
    assert made is not None
    cells = made.cells.set_index("arm")
    assert cells["reached"].to_dict() == {"batch": "2 of 4", "none": "2 of 2", "rms": "0 of 2"}
    assert (cells.at["rms", "median step"], cells.at["rms", "mean step, cut at 30"]) == ("not reached", "30")
    assert cells.at["batch", "mean step, cut at 30"] == "20"


def test_an_arm_that_diverged_as_a_whole_does_not_shorten_the_horizon(runs: Path) -> None:
    broken = stored.replicate(stored.run(runs, "rms"), 0, None, state="diverged")
    stored.curves(broken, 0.1, epochs=1)
    made = target.table(*timed(compare(runs)), 0.76)
    assert made is not None
    assert set(made.data["horizon"]) == {30}


def test_arms_of_different_batch_size_are_compared_in_epochs(runs: Path) -> None:
    """Steps of four times as many images are not the same steps."""
    run = stored.arm(runs, "batch", [0.97], folder="large", lr=0.1)
    stored.curves(run / "seed-0", 0.97, steps=4)
    comparison, table = timed(compare(runs))
    made = target.table(comparison, table, 0.86)
    assert made is not None
    assert made.title.endswith("; not in steps, of which an epoch has 4 to 10")
    assert made.cells[["median epoch", "mean epoch, cut at 3"]].to_numpy().tolist() == [
        ["2.00", "2.00"],
        ["2.00", "2.00"],
        ["3.00", "3.00"],
    ]
    assert set(made.data["unit"]) == {"epoch"}
    assert target.reaches(comparison, table, 0.86)["norm.name=batch, optimizer.lr=0.1"] == [(2.0, True)]


def test_the_target_is_what_the_baseline_ends_with(runs: Path) -> None:
    assert target.default(compare(runs, baseline="norm.name=batch")) == pytest.approx(0.975)
    assert target.default(compare(runs)) == pytest.approx(0.855)


def test_cost(runs: Path) -> None:
    comparison = compare(runs)
    table = tables.cost(comparison, curves.read(comparison.replicates).timing)
    assert table is not None
    assert table.cells.to_numpy().tolist() == [["batch", "1.5", "640", "4"], ["none", "1.5", "640", "4"]]


def test_cost_has_the_parameters_that_results_hold(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9, 0.91], more={"parameters": 109578})
    stored.arm(tmp_path, "old", [0.9, 0.91])
    comparison = compare(tmp_path)
    table = tables.cost(comparison, curves.read(comparison.replicates).timing)
    assert table is not None
    assert table.cells.set_index("arm")["parameters"].to_dict() == {"batch": "109,578", "old": "-"}


def test_all_tables_are_written(runs: Path, tmp_path: Path) -> None:
    made, _ = make(runs, by=("norm.name", "optimizer.lr"), output=tmp_path / "out")
    names = {str(file.relative_to(tmp_path / "out")) for file in made.files}
    csv = {"results", "summary", "comparisons", "pivot", "target", "cost", "epochs"}
    assert {f"{name}.csv" for name in csv} <= names
    charts = {"curves-test_accuracy", "final-test_accuracy", "heat-norm.name-optimizer.lr", "time-to-target"}
    assert {f"charts/{name}.{kind}" for name in charts for kind in ("svg", "png", "pdf")} <= names
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    for kind, start in starts.items():
        assert (tmp_path / "out" / "charts" / f"final-test_accuracy.{kind}").read_bytes().startswith(start)


def test_nothing_but_diverged_replicates_can_be_reported(tmp_path: Path) -> None:
    run = stored.run(tmp_path / "runs", "none")
    broken = stored.replicate(run, 0, 0.1, state="diverged")
    stored.curves(broken, 0.1, epochs=1)
    made, text = make(tmp_path / "runs", output=tmp_path / "out")
    assert made.sentences == [
        "all: 1 of 1 seed diverged [3 %, 100 %]; no ranking.",
        "one arm: nothing to compare it with",
    ]
    assert made.sentences[0] in text
    assert (tmp_path / "out" / "report.html").exists()


def test_replicates_that_diverged_before_any_score_can_be_reported(tmp_path: Path) -> None:
    run = stored.run(tmp_path / "runs", "none")
    stored.curves(stored.replicate(run, 0, None, state="diverged"), 0.1, epochs=0)
    made, _ = make(tmp_path / "runs", output=tmp_path / "out")
    assert made.sentences[0] == "all: 1 of 1 seed diverged [3 %, 100 %]; no ranking."
    assert (tmp_path / "out" / "report.html").exists()


def test_the_terminal_warns_of_files_that_cannot_be_read_too(runs: Path, tmp_path: Path) -> None:
    """Only a report with an output folder read them, and so only that one said so."""
    (runs / "none-0a" / "seed-0" / "metrics.csv").write_text("epoch")
    (runs / "none-0a" / "seed-1" / "timing.csv").unlink()
    shown, text = make(runs)
    written, _ = make(runs, output=tmp_path / "out")
    assert len(shown.warnings) == 2
    assert shown.warnings == written.warnings
    assert text.count("warning: not in curves and costs: ") == 2


def test_arms_of_different_batch_size_share_the_rows_of_epochs(runs: Path) -> None:
    """A row of epoch and step held one arm alone."""
    run = stored.arm(runs, "batch", [0.9], folder="large", lr=0.1)
    stored.curves(run / "seed-0", 0.9, steps=4)
    table = tables.epochs(*timed(compare(runs)))
    assert table is not None
    assert table.cells.columns.tolist() == ["arm", "1", "2", "3"]
    assert [row[1:] for row in table.cells.to_numpy().tolist()] == [
        ["77.50", "87.50", "97.50"],
        ["70.00", "80.00", "90.00"],
        ["65.50", "75.50", "85.50"],
    ]
    assert {4, 10} <= set(table.data["step"])


def test_the_chance_to_be_better_is_of_lower_losses(runs: Path) -> None:
    """It was the chance to be above, for losses too."""
    table = tables.comparisons(compare(runs, metric="test_loss"))
    assert table is not None
    assert (table.cells["arm"][0], table.cells["chance to be better"][0]) == ("batch", "100 %")
    assert table.title == "test loss (nats): arms against each other"


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), float("inf")])
def test_a_margin_is_above_zero(margin: float) -> None:
    with pytest.raises(UserError, match=f"--margin {margin} is not a number above 0; give points, e.g. --margin 0.1"):
        report.Question(margin=margin)


@pytest.mark.parametrize("target", [0.97, 0.0, 101.0, float("nan")])
def test_a_target_is_in_percent(target: float) -> None:
    with pytest.raises(UserError, match=f"--target {target} is not allowed; allowed: percent, 0 to 100"):
        report.Question(target=target)
    report.Question(target=0.1, metric="test_loss")


@pytest.mark.parametrize("target", [-1.0, float("nan"), float("inf")])
def test_a_target_of_losses_is_a_number(target: float) -> None:
    with pytest.raises(UserError, match=f"--target {target} is not allowed; allowed: nats, 0 or more"):
        report.Question(target=target, metric="test_loss")
