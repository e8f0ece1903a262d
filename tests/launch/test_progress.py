"""What is seen of a training: rows that fit, of what leads, and without what has diverged."""

from __future__ import annotations

import pytest
import torch

from bnlab.engine import Beginning, Evaluation, Member, Plan, Score
from bnlab.launch.durations import duration
from bnlab.launch.progress import Progress

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
    assert row == "     1    70.00      80.00  78.00     4,000      6.0 s  batch, with a name that…"
    assert len(row) == 80


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (42.4, "42 s"), (310, "5 min 10 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
