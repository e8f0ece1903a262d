"""`bnlab evaluate` under change: whose statistics, and of which test batches."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.conftest import Cli

TRAIN = ("train", "threads=1", "steps=60", "data.limit=400", "keep_checkpoint=true", "label=kept", "quiet=true")
"""Of a batch norm, in batches of 32."""


def accuracy(cli: Cli, tmp_path: Path, *options: str) -> float:
    file = tmp_path / "scores.csv"
    answer = cli("evaluate", "kept", "threads=1", *options, "-o", str(file))
    assert answer.code == 0, answer.err
    (row,) = csv.DictReader(file.read_text().splitlines())
    return float(row["accuracy"])


def test_batch_statistics_depend_on_the_test_batch_and_running_ones_do_not(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN).code == 0
    stored = accuracy(cli, tmp_path)
    for order in ("shuffled", "sorted"):
        assert accuracy(cli, tmp_path, "--order", order, "--batch-size", "20") == stored
    batch = ("--statistics", "batch", "--batch-size", "20", "--order")
    mixed, by_class = accuracy(cli, tmp_path, *batch, "shuffled"), accuracy(cli, tmp_path, *batch, "sorted")
    assert mixed > by_class + 0.2  # of one class alone nothing is left
    assert accuracy(cli, tmp_path, "--shift", "contrast=0.1") < stored
    result = cli("evaluate", "kept", "--shift", "noise=0.1", "--statistics", "batch")
    assert "noise=0.1, with batch statistics" in result.out


def test_the_batch_statistics_of_the_training_are_scored_as_it_scored_them(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN).code == 0
    (metrics,) = (tmp_path / "runs").glob("*/seed-0/metrics.csv")
    (row,) = [row for row in csv.DictReader(metrics.read_text().splitlines()) if row["split"] == "test_batch_stats"]
    assert accuracy(cli, tmp_path, "--statistics", "batch") == float(row["accuracy"])


def test_a_batch_that_is_too_small_or_too_large_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN).code == 0
    for size, needs in (("1", "2 to 400, the test images, since a batch's statistics"), ("401", "2 to 400")):
        answer = cli("evaluate", "kept", "--statistics", "batch", "--batch-size", size)
        assert (answer.code, answer.out) == (2, "")
        assert f"--batch-size {size} is out of range; it has to be {needs}" in answer.err
