"""docs/weights.md: its program, word for word, gives the scores that bnlab stored."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
import torch

from bnlab.data import load

from .conftest import QUICK, Cli

DOCUMENT = (Path(__file__).parents[1] / "docs" / "weights.md").read_text(encoding="utf-8")


def test_the_program_loads_kept_weights_under_the_articles_names(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    command, export = re.findall(r"```sh\nbnlab (.*?)\n```", DOCUMENT, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert cli(*command.split(), *QUICK).code == 0
    assert cli(*export.split()).code == 0
    (tmp_path / "load_weights.py").write_text(program, encoding="utf-8")
    network = runpy.run_path("load_weights.py")["network"]
    names = list(network.state_dict())
    assert names[:3] == ["fc1.weight", "bn1.weight", "bn1.bias"]
    assert "fc1.bias" not in names
    assert names[-2:] == ["fc3.weight", "fc3.bias"]
    source = load("mnist")
    with torch.no_grad():
        logits = network(source.test_images[:200, None].float() / 255)
    right = (logits.argmax(1) == source.test_labels[:200]).double().mean().item()
    (result,) = tmp_path.glob("runs/mine-*/seed-0/result.json")
    assert json.loads(result.read_text())["final"]["test_accuracy"] == pytest.approx(right, abs=1e-9)
    assert right > 0.2  # far from chance: the statistics of batch norm are there too
