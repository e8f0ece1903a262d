"""What is seen of a training: rows that fit, of what leads, and without what has diverged; on a terminal as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from bnlab.engine import Beginning, Evaluation, Member, Plan, Score
from bnlab.launch.durations import duration
from bnlab.launch.progress import Progress, StackProgress

PLAN = Plan(batch_size=32, drop_last=False, steps_per_epoch=10, total_steps=40, eval_every=None)
ARMS = {"none-1": "none, lr 0.001", "batch-2": "batch, with a name that is longer than what is left of a line"}


def score(*correct: int) -> Score:
    return Score(torch.ones(len(correct), dtype=torch.float64), torch.tensor(correct, dtype=torch.float64), 100)


def lines(capsys: pytest.CaptureFixture[str], *, diverged: bool = False) -> list[str]:
    members = [Member(run, seed, 10) for run in ARMS for seed in (0, 1)]
    with Progress(ARMS, quiet=False) as progress:
        progress.expect(1, 160)
        stack = progress.of_stack()
        stack.begin(Beginning(members, PLAN, step=0))
        stack.trained(10, torch.ones(10, 4))
        if diverged:
            stack.diverged(3, step=7)
        scores = {"train": score(50, 52, 70, 72), "validation": score(60, 62, 80, 0), "test": score(58, 60, 78, 0)}
        stack.evaluated(Evaluation(1.0, 10, scores, seconds=2.0, images_per_second=1000.0))
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_rows_fit_and_are_aligned(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    title, heads, row = lines(capsys)
    assert title == "2 arms, 4 replicates; accuracy in %"
    assert heads == " epoch training validation   test  images/s       left  leading arm"
    assert row == "     1    51.00      61.00  59.00     4,000      6.0 s  none, lr 0.001"
    assert max(map(len, (title, heads, row))) <= 80  # a pipe has no width of its own


def test_a_seed_that_diverged_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _, row = lines(capsys, diverged=True)
    assert said == f"{ARMS['batch-2']} seed 1 diverged at step 7: the loss is not finite"
    assert row == "     1    70.00      80.00  78.00     4,000      6.0 s  batch, with…ft of a line"
    assert len(row) == 80


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 columns and 7 lines."""
    for name, value in {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "60", "LINES": "7"}.items():
        monkeypatch.setenv(name, value)


@contextmanager
def watched(arms: dict[str, str]) -> Iterator[tuple[Progress, StackProgress]]:
    """A stack with two seeds of each arm, about to be trained."""
    with Progress(arms, quiet=False) as progress:
        progress.expect(1, 80 * len(arms))
        stack = progress.of_stack()
        stack.begin(Beginning([Member(run, seed, 10) for run in arms for seed in (0, 1)], PLAN, step=0))
        yield progress, stack


def evaluation(epoch: int, *correct: int) -> Evaluation:
    scores = {split: score(*correct) for split in ("train", "validation", "test")}
    return Evaluation(float(epoch), 10 * epoch, scores, seconds=2.0 * epoch, images_per_second=1000.0)


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_the_epoch_under_way_is_the_last_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 10.0, 10.5, 20.0, 30.0])
    monkeypatch.setattr("bnlab.launch.progress.time.monotonic", lambda: next(clock))
    heads = " epoch training validation   test  images/s       left"
    with watched({"batch-1": "batch"}) as (progress, stack):
        assert progress.table() == [heads, "   0.0        -          -      -         -          -"]
        stack.trained(2, torch.ones(2, 2))  # how long these took says nothing: the step was recorded meanwhile
        stack.trained(6, torch.ones(4, 2))  # 4 steps of 2 batches of 32 in 1 s, 34 steps left
        assert progress.table() == [heads, "   0.6        -          -      -       256      8.5 s"]
        stack.evaluated(evaluation(1, 50, 52))
        first = "     1    51.00      51.00  51.00     2,000      6.0 s"
        assert progress.table() == [heads, first]
        stack.trained(11, torch.ones(1, 2))
        assert progress.table() == [heads, first, "   1.1        -          -      -     2,000      0.9 s"]
        stack.trained(13, torch.ones(2, 2))
        assert progress.table()[-1] == "   1.3        -          -      -       256      6.8 s"
        for epoch in (2, 3, 4):
            stack.evaluated(evaluation(epoch, 60, 62))
        seen = [line.split()[:2] for line in progress.table()[1:]]
        assert seen == [["2", "61.00"], ["3", "61.00"], ["4", "61.00"]]  # what there is room for
        stack.end(None)
        assert progress.table() == ()
    left = capsys.readouterr().err
    assert all(
        f"     {epoch}    {accuracy}.00" in left for epoch, accuracy in zip("1234", (51, 61, 61, 61), strict=True)
    )


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_several_arms_are_ranked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "9")
    monkeypatch.setattr("bnlab.launch.progress.time.monotonic", iter([0.0, 2.0]).__next__)
    arms = {
        f"run-{n}": name
        for n, name in enumerate(("none", "batch", "a name that is longer than there is room for", "z"))
    }
    with watched(arms) as (progress, stack):
        stack.trained(2, torch.ones(2, 8))
        stack.evaluated(evaluation(1, 50, 52, 70, 72, 90, 92, 10, 12))
        stack.diverged(4, step=11)
        stack.diverged(5, step=11)
        stack.trained(11, torch.ones(1, 8))
        stack.evaluated(evaluation(2, 51, 53, 71, 73, 91, 93, 11, 13))
        assert progress.table() == [
            "arm                               training validation   test",
            "batch                                72.00      72.00  72.00",
            "none                                 52.00      52.00  52.00",
            "z                                    12.00      12.00  12.00",
            "and 1 more",
            "epoch 2.0 of 4, 8,000 images/s, 4.0 s left",
        ]
        stack.end(KeyboardInterrupt())
    assert "none                                 52.00      52.00  52.00" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (42.4, "42 s"), (310, "5 min 10 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
