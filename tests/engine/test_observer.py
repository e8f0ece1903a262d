"""What observers are told of a training: who is in it, each step once, what the steps show, and the end in any case."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bnlab.data import BatchStream
from bnlab.engine import Beginning, Observation, Observer, Observers, Plan, train
from tests.engine.test_observations import OF_A_NORM
from tests.lifting.test_lifting import IMAGES, replicate, synthetic_split

CPU = torch.device("cpu")
PLAN = Plan(batch_size=20, drop_last=True, steps_per_epoch=4, total_steps=10, eval_every=4)


class Listener(Observer):
    """Keeps all that it is told."""

    def __init__(self, *observations: Observation) -> None:
        self._observations = observations
        self.beginnings: list[Beginning] = []
        self.losses: list[Tensor] = []
        self.values: list[Mapping[str, Tensor]] = []
        self.steps: list[int] = []
        self.ends: list[BaseException | None] = []

    def observations(self) -> tuple[Observation, ...]:
        return self._observations

    def begin(self, beginning: Beginning) -> None:
        self.beginnings.append(beginning)

    def trained(self, step: int, losses: Tensor) -> None:
        self.steps.append(step)
        self.losses.append(losses)

    def observed(self, step: int, values: Mapping[str, Tensor]) -> None:
        assert step == self.steps[-1]
        self.values.append(values)

    def end(self, error: BaseException | None) -> None:
        self.ends.append(error)


def test_who_is_trained_each_step_once_and_what_it_shows() -> None:
    replicates = [
        replace(replicate(f"norm={norm}", seed, torch.float64), run=norm)
        for norm in ("batch", "none")
        for seed in (0, 1)
    ]
    before: nn.Sequential = copy.deepcopy(replicates[1].model).get_submodule("layers")[:3]  # type: ignore[index]
    data, listener, other = synthetic_split(IMAGES["mlp"]), Listener(OF_A_NORM), Listener()
    train(replicates, data, PLAN, CPU, Observers([listener, other]), threads=2)

    (beginning,) = listener.beginnings
    assert [(member.run, member.seed) for member in beginning.members] == [
        ("batch", 0),
        ("batch", 1),
        ("none", 0),
        ("none", 1),
    ]
    for member, one in zip(beginning.members, replicates, strict=True):
        assert member.parameters == sum(each.numel() for each in one.model.parameters())
    assert (beginning.plan, beginning.step) == (PLAN, 0)

    losses = torch.cat(listener.losses)
    assert losses.shape == (10, 4)
    assert losses.isfinite().all()
    assert listener.steps == torch.tensor([len(each) for each in listener.losses]).cumsum(0).tolist()

    shown = torch.cat([each["moments"] for each in listener.values])
    assert shown.shape == (10, 4, 2, 32)
    ((images, _),) = BatchStream(data.train, [1], 20, True, CPU).take(1)
    x = before(data.scaling.to_float(images[0], torch.float64)).detach().numpy()
    torch.testing.assert_close(shown[0, 1, 0], torch.from_numpy(x.mean(0)), rtol=1e-9, atol=1e-9)
    assert [each.keys() for each in other.values] == [{"moments"}] * len(listener.values)


def test_where_nothing_is_declared_nothing_is_observed() -> None:
    listener = Listener()
    train([replicate("norm=batch", 0, torch.float64)], synthetic_split(IMAGES["mlp"]), PLAN, CPU, listener)
    assert listener.steps
    assert listener.values == []


def test_each_is_told_the_end_whatever_the_others_do() -> None:
    class Breaks(Observer):
        def end(self, error: BaseException | None) -> None:
            raise OSError("the disk is full")

    before, after = Listener(), Listener()
    why = RuntimeError("no model")
    with pytest.raises(OSError, match="the disk is full"), Observers([before, Breaks(), after]):
        raise why
    assert before.ends == after.ends == [why]
    with Observers([before]):
        pass
    assert before.ends == [why, None]
