"""A GPU trains what the processor does; left out, with the reason, where there is none."""

import csv
from pathlib import Path

import pytest
import torch

from tests.conftest import Cli

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU here")


def losses(folder: Path) -> list[float]:
    (file,) = folder.glob("*/seed-1/metrics.csv")
    with file.open(encoding="utf-8") as rows:
        return [float(row["loss"]) for row in csv.DictReader(rows)]


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "weight_norm"])
def test_its_losses_are_those_of_the_processor(norm: str, cli: Cli, tmp_path: Path) -> None:
    train = ("train", f"norm={norm}", "seeds=2", "steps=5", "data.limit=400", "quiet=true")
    for device in ("cpu", "cuda"):
        answer = cli(*train, f"device={device}", f"runs_dir={device}")
        assert answer.code == 0, answer.err
    assert losses(tmp_path / "cuda") == pytest.approx(losses(tmp_path / "cpu"), rel=1e-3)


def test_the_same_command_gives_the_same_losses_twice(cli: Cli, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        answer = cli("train", "seeds=2", "steps=5", "data.limit=400", "device=cuda", "quiet=true", f"runs_dir={folder}")
        assert answer.code == 0, answer.err
    assert losses(tmp_path / "first") == losses(tmp_path / "second")
