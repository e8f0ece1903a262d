"""`train --dry-run`: what is stored, what is not, and what it costs; no file is written."""

import re
from pathlib import Path

import pytest

from bnlab.engine import Plan
from bnlab.launch.dry_run import Cost
from tests.conftest import QUICK, Cli, files_below


@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=basic"]])
def test_a_sweep_is_foreseen(launcher: list[str], cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "--quiet", "norm=none", "seeds=2").code == 0
    before = files_below(tmp_path)
    answer = cli("train", "-m", *launcher, *QUICK, "norm=none,batch", "seeds=3", "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    none, batch, total = answer.out.splitlines()
    assert none == "none: 2 stored, to train: seeds 2"
    assert batch == "batch: 0 stored, to train: seeds 0, 1, 2"
    said = r"6 replicates: 2 stored, 4 to train in 1 stack; about .* s and \d+\.\d GB of memory \(measured\); "
    assert re.fullmatch(f"{said}nothing was stored", total)
    assert files_below(tmp_path) == before


def test_where_all_is_stored_nothing_is_measured(cli: Cli) -> None:
    assert cli("train", *QUICK, "--quiet", "norm=none").code == 0
    answer = cli("train", *QUICK, "norm=none", "--dry-run")
    assert answer.code == 0
    assert answer.out.endswith("1 replicate: 1 stored, 0 to train; nothing was stored\n")


def test_a_search_cannot_be_foreseen(cli: Cli) -> None:
    answer = cli("train", "-m", "--dry-run", "hydra/sweeper=optuna", "norm=none,batch")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: hydra/sweeper=optuna finds its jobs as it goes, so --dry-run cannot tell them")


def test_the_cost_of_a_training() -> None:
    plan = Plan(batch_size=32, drop_last=False, steps_per_epoch=10, total_steps=35, eval_every=7)
    # Evaluations: at the ends of four epochs, the last one cut, and every seven steps.
    assert Cost(start=2.0, step=0.1, evaluation=0.5).of(plan) == pytest.approx(2.0 + 3.5 + (4 + 5) * 0.5)
