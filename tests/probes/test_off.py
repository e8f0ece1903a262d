"""Without probes no kernel more is recorded; with them all that is trained is the same to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bnlab.config import PROBES, ProbesConfig
from bnlab.engine import Observer, Observers, Plan, pytorch_private, train
from bnlab.engine.step import WORTH_RECORDING
from bnlab.models import places_of
from bnlab.probes import Probes
from tests.lifting.test_lifting import CLASSES, IMAGES, mlp, replicate, synthetic_split

SMALL = mlp(hidden=[4], dropout=0.2)


def trained(names: list[str], steps: int, every: int, patch: pytest.MonkeyPatch) -> tuple[list[str], list[Tensor]]:
    """The kernels that were recorded, and what is in the models at the end."""
    recorded: list[str] = []
    trace: Callable[..., Any] = pytorch_private.trace

    def noted(*arguments: Any) -> Any:
        graph = trace(*arguments)
        recorded.append(str(graph.graph))
        return graph

    replicates = [
        replicate(f"norm={norm}", number, torch.float32, SMALL) for number, norm in enumerate(("batch", "rms"))
    ]
    places = [places_of(SMALL, IMAGES["mlp"], CLASSES)] * 2
    observers: list[Observer] = [Probes(ProbesConfig(names, every, None), places)] if names else []
    with patch.context() as patched:
        patched.setattr(pytorch_private, "trace", noted)
        plan = Plan(16, True, 12, steps, None)
        train(replicates, synthetic_split(IMAGES["mlp"]), plan, torch.device("cpu"), Observers(observers))
    return recorded, [value for one in replicates for value in one.model.state_dict().values()]


@pytest.mark.parametrize("steps", [5, WORTH_RECORDING], ids=["plain", "recorded"])
def test_looking_changes_no_kernel_and_no_bit(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels, state = trained([], steps, 1, monkeypatch)
    assert len(kernels) == (steps == WORTH_RECORDING)
    seen, other = trained(list(PROBES), steps, max(1, steps // 3), monkeypatch)
    assert seen == kernels
    assert all(torch.equal(mine, its) for mine, its in zip(state, other, strict=True))
