"""Runs of different data, protocol or versions are named, not mixed."""

from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.report.comparison import frame

from . import stored
from .test_compare import compare


def test_other_epochs_split_an_arm(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9, 0.9], folder="short", epochs=2)
    stored.arm(tmp_path, "batch", [0.95, 0.95], folder="long", epochs=10)
    result = compare(tmp_path, by=("norm.name",))
    assert result.by == ["norm.name", "epochs"]
    assert result.summary[["arm", "n"]].to_numpy().tolist() == [
        ["norm.name=batch, epochs=10", 2],
        ["norm.name=batch, epochs=2", 2],
    ]
    assert result.notes == ["not pooled: epochs differs inside an arm (2, 10), so it has a column of its own"]


def test_other_data_split_an_arm(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9], folder="a")
    other = stored.arm(tmp_path, "batch", [0.8], folder="b")
    config = other / "config.yaml"
    config.write_text(config.read_text().replace("validation_size: 10000", "validation_size: 0"))
    result = compare(tmp_path, by=("norm.name",))
    assert result.summary["n"].tolist() == [1, 1]
    note = "not pooled: data.validation_size differs inside an arm (0, 10000), so it has a column of its own"
    assert result.notes == [note]


@pytest.mark.parametrize(("package", "old", "new"), [("torch", "2.14.1", "2.15.0"), ("bnlab", "0.1.0", "0.2.0")])
def test_other_versions_split_an_arm(tmp_path: Path, package: str, old: str, new: str) -> None:
    run = stored.arm(tmp_path, "batch", [0.9, 0.8])
    stored.replicate(run, 2, 0.7, environment=stored.ENVIRONMENT | {package: new})
    result = compare(tmp_path)
    assert result.summary["arm"].tolist() == [f"environment.{package}={old}", f"environment.{package}={new}"]
    assert result.summary["n"].tolist() == [2, 1]
    note = f"not pooled: environment.{package} differs inside an arm ({old}, {new}), so it has a column of its own"
    assert result.notes == [note]


def test_other_hardware_does_not_split_an_arm(tmp_path: Path) -> None:
    run = stored.arm(tmp_path, "batch", [0.9, 0.8])
    stored.replicate(run, 2, 0.7, environment=stored.ENVIRONMENT | {"cpu": "Y1", "threads": 8})
    assert compare(tmp_path).summary["n"].tolist() == [3]


def test_a_split_baseline_must_be_named_in_full(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.9], folder="short", epochs=2)
    stored.arm(tmp_path, "none", [0.95], folder="long", epochs=10)
    with pytest.raises(UserError, match=r"is 2 arms: norm.name=none, epochs=10; norm.name=none, epochs=2; give more"):
        compare(tmp_path, by=("norm.name",), baseline="norm.name=none")
    result = compare(tmp_path, by=("norm.name",), baseline="norm.name=none,epochs=2")
    assert result.baseline == "norm.name=none, epochs=2"


def test_arms_that_differ_as_a_whole_are_named(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9], epochs=10)
    none = stored.run(tmp_path, "none", epochs=2)
    stored.replicate(none, 0, 0.8, environment=stored.ENVIRONMENT | {"torch": "2.15.0"})
    result = compare(tmp_path, by=("norm.name",))
    assert result.by == ["norm.name"]
    assert result.notes == [
        "not like with like: epochs differs between the arms (2, 10)",
        "not like with like: environment.torch differs between the arms (2.14.1, 2.15.0)",
    ]


def test_other_settings_are_pooled_as_asked_and_named(tmp_path: Path) -> None:
    """Ten seeds at four learning rates were 40 seeds that had no pairs, and 14 to 18 % false findings."""
    stored.arm(tmp_path, "batch", [0.9, 0.92], folder="a", lr=0.001)
    stored.arm(tmp_path, "batch", [0.8, 0.84], folder="b", lr=0.01)
    stored.arm(tmp_path, "none", [0.7, 0.7])
    result = compare(tmp_path, by=("norm.name",), baseline="norm.name=none")
    assert result.summary["n"].tolist() == [2, 2]
    (pair,) = result.pairs
    assert pair.contrast.paired
    assert pair.contrast.values == pytest.approx((0.85, 0.88))
    assert result.notes == [
        "differences to none are of pairs with equal seeds",
        "a seed counts once, averaged over its settings: batch over 2",
        "pooled: optimizer.lr differs inside an arm (0.001, 0.01); add it to --by to tell them apart",
    ]


def test_pooled_values_are_in_order_and_as_names_of_arms_have_them(tmp_path: Path) -> None:
    """They were in the order of the folders' names, with all their digits: (100000.0, 30.0, 0.1, 1e+30)."""
    for index, lr in enumerate((100000.0, 30.0, 0.1, 1e30)):
        stored.arm(tmp_path, "batch", [0.9], folder=f"b{index}", lr=lr)
    _, note = compare(tmp_path, by=("norm.name",)).notes
    assert note.startswith("pooled: optimizer.lr differs inside an arm (0.1, 30, 1e+05, 1e+30); add")


def test_of_many_pooled_values_the_first_are_named(tmp_path: Path) -> None:
    for index in range(9):
        stored.arm(tmp_path, "batch", [0.9], folder=f"b{index}", lr=0.1 + index)
    _, note = compare(tmp_path, by=("norm.name",)).notes
    assert "(0.1, 1.1, 2.1, 3.1 and 5 more)" in note


def test_a_seed_that_lacks_a_setting_is_left_out_and_one_that_diverged_in_one_has_failed(tmp_path: Path) -> None:
    run = stored.arm(tmp_path, "batch", [0.9, 0.92, 0.94], folder="a", lr=0.001)
    other = stored.arm(tmp_path, "batch", [0.8], folder="b", lr=0.01)
    stored.replicate(other, 1, None, state="diverged")
    stored.arm(tmp_path, "none", [0.7, 0.71, 0.72])
    result = compare(tmp_path, by=("norm.name",))
    row = result.summary.set_index("norm.name").loc["batch"]
    assert (row["n"], row["diverged"], row["mean"]) == (1, 1, pytest.approx(0.85))
    name = f"{run.name}/seed-2"
    assert result.left_out == [f"not counted, as the seed lacks settings that others of its arm have: {name}"]


def test_a_replicate_without_versions_yet_splits_nothing(tmp_path: Path) -> None:
    run = stored.arm(tmp_path, "batch", [0.9, 0.8])
    stored.replicate(run, 2, None, state="running", environment={})
    result = compare(tmp_path)
    assert (result.by, result.notes) == ([], [])


def test_one_configuration_under_three_labels_is_counted_once(tmp_path: Path) -> None:
    """Cause: four seeds under three labels were twelve, with p = .001."""
    for label in ("a", "b", "c"):
        stored.arm(tmp_path, "batch", [0.9, 0.91, 0.92, 0.93], folder=label)
    replicates, warnings = frame.read([tmp_path])
    assert replicates["seed"].tolist() == [0, 1, 2, 3]
    (warning,) = warnings
    assert warning.startswith("skipped 8 replicates of the same configuration and seed as another: ")
    assert compare(tmp_path, by=("norm.name",)).summary["n"].tolist() == [4]


def test_a_seed_is_one_seed_whatever_is_pooled(tmp_path: Path) -> None:
    """Cause: settings pooled by --by norm.name made 17 seeds of the seeds 0 to 2."""
    for name in ("batch", "none"):
        for lr in (0.001, 0.01, 0.1):
            stored.arm(tmp_path, name, [0.9, 0.91, 0.92], folder=f"{name}{lr}", lr=lr)
    comparison = compare(tmp_path, by=("norm.name",))
    assert comparison.summary["n"].tolist() == [3, 3]
    assert set(comparison.pairs[0].contrast.ns) == {3}
