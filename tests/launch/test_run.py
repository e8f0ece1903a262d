"""Stored replicates are reused, missing ones trained, and a bad one does not take its stack with it."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from scipy.stats import permutation_test

from bnlab import engine
from bnlab.config import RunConfig, from_mapping
from bnlab.engine.loop import train
from bnlab.launch.outcomes import failures, run
from tests.compose import compose
from tests.conftest import Cli

QUICK = ("data.limit=64", "epochs=1", "threads=1", "quiet=true")


def config(folder: Path, *overrides: str) -> RunConfig:
    return from_mapping(compose([*QUICK, *overrides, f"runs_dir={folder}"]))


def test_more_seeds_later_train_only_the_missing_ones(tmp_path: Path) -> None:
    (first,) = run([config(tmp_path, "seeds=2")])
    before = {o.folder: (o.folder / "metrics.csv").read_bytes() for o in first}
    (second,) = run([config(tmp_path, "seeds=3")])
    assert [(o.job.seed, o.trained) for o in second] == [(0, False), (1, False), (2, True)]
    assert {o.folder: (o.folder / "metrics.csv").read_bytes() for o in second[:2]} == before
    assert len({o.folder.parent for o in [*first, *second]}) == 1


@pytest.mark.parametrize(("seeds", "expected"), [("seeds=3", [0, 1, 2]), ("seeds=[7,9]", [7, 9]), ("seed=3", [3])])
def test_seeds(tmp_path: Path, seeds: str, expected: list[int]) -> None:
    assert config(tmp_path, seeds).replicate_seeds() == expected


def test_the_same_sweep_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    def metrics(folder: Path) -> list[bytes]:
        configs = [config(folder, f"norm={name}", "seeds=2") for name in ("none", "batch", "layer")]
        return [(o.folder / "metrics.csv").read_bytes() for outcomes in run(configs) for o in outcomes]

    assert metrics(tmp_path / "a") == metrics(tmp_path / "b")


def test_every_result_counts_its_own_trained_parameters(tmp_path: Path) -> None:
    """In one stack; it was never stored, so the report's column of costs stayed empty."""
    runs = run([config(tmp_path, f"norm={name}", "seeds=2") for name in ("none", "batch", "rms")])
    linear, hidden = 784 * 128 + 128 * 64 + 64 * 10 + 10, 128 + 64
    # Biases; gamma and beta; biases and gamma.
    expected = [linear + hidden, linear + 2 * hidden, linear + 2 * hidden]
    stored = [[json.loads((o.folder / "result.json").read_text()) for o in outcomes] for outcomes in runs]
    assert [[result["parameters"] for result in results] for results in stored] == [[count] * 2 for count in expected]


def test_one_bad_replicate_does_not_take_its_stack_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(replicates: Any, *arguments: Any, **options: Any) -> None:
        if any(each.seed == 1 for each in replicates):
            raise RuntimeError("the disk is on fire")
        train(replicates, *arguments, **options)

    monkeypatch.setattr(engine, "train", faulty)
    (outcomes,) = run([config(tmp_path, "seeds=3")])
    assert [o.result.state for o in outcomes] == ["done", "failed", "done"]
    assert failures(outcomes) == "seed 1: RuntimeError: the disk is on fire"
    monkeypatch.undo()
    (again,) = run([config(tmp_path, "seeds=3")])
    assert [(o.result.state, o.trained) for o in again] == [("done", False), ("done", True), ("done", False)]


def test_interrupted_replicates_are_marked_and_trained_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run([config(tmp_path, "seeds=2")])
    monkeypatch.undo()
    states = {path.parent.name: path.read_text() for path in tmp_path.glob("*/*/result.json")}
    assert set(states) == {"seed-0", "seed-1"}
    assert all('"state": "interrupted"' in text for text in states.values())
    (outcomes,) = run([config(tmp_path, "seeds=2")])
    assert [(o.result.state, o.trained) for o in outcomes] == [("done", True), ("done", True)]


def test_stacked_and_single_runs_store_nearly_the_same_metrics(tmp_path: Path) -> None:
    (stacked,) = run([config(tmp_path / "stacked", "seeds=3", "norm=batch")])
    for outcome in stacked:
        ((single,),) = run([config(tmp_path / "single", f"seed={outcome.job.seed}", "norm=batch")])
        assert single.result.final == pytest.approx(outcome.result.final, rel=1e-3, abs=1e-3)


@pytest.mark.slow
def test_20_stacked_and_20_single_replicates_differ_by_no_more_than_chance(tmp_path: Path) -> None:
    quick = ("data.limit=6000", "epochs=2", "norm=batch")
    (stacked,) = run([config(tmp_path / "stacked", *quick, "seeds=20")])
    singles = [run([config(tmp_path / "single", *quick, f"seed={seed}")])[0][0] for seed in range(20, 40)]
    ours, theirs = ([o.result.final["test_accuracy"] for o in side] for side in (stacked, singles))
    test = permutation_test((ours, theirs), lambda a, b: fmean(a) - fmean(b), rng=0, n_resamples=9999)
    # Seeds are fixed, so this is no lottery: p is .05 or less for one of twenty sets of seeds without any fault.
    assert test.pvalue > 0.05, (fmean(ours), fmean(theirs))


def test_a_layer_that_looks_at_its_own_count_is_trained(cli: Cli) -> None:
    """Cause: the trial of shapes, which has no values, refused batch norm with a plain average."""
    answer = cli("train", "norm=batch", "norm.momentum=null", *QUICK)
    assert answer.code == 0, answer
