"""The learning rate's course against formulas and torch's schedulers."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from bnlab.config import CosineConfig, ScheduleConfig, StepConfig
from bnlab.engine.schedule import lr_factor


def test_constant_stays() -> None:
    assert [lr_factor(ScheduleConfig("constant"), step, 10, 5) for step in range(10)] == [1.0] * 10


def test_cosine_by_hand() -> None:
    # Over 4 steps the half wave is at 0, 45, 90 and 135 degrees.
    half = math.sqrt(0.5)
    full_fall = [lr_factor(CosineConfig("cosine", 0.0), step, 4, 2) for step in range(4)]
    assert full_fall == pytest.approx([1, (1 + half) / 2, 0.5, (1 - half) / 2], abs=1e-15)
    to_a_fifth = [lr_factor(CosineConfig("cosine", 0.2), step, 4, 2) for step in range(4)]
    assert to_a_fifth == pytest.approx([0.2 + 0.8 * factor for factor in full_fall], abs=1e-15)
    assert lr_factor(CosineConfig("cosine", 1.0), 3, 4, 2) == 1.0


def test_the_rate_rises_in_the_first_steps() -> None:
    constant, cosine = ScheduleConfig("constant", warmup_steps=4), CosineConfig("cosine", 0.1, warmup_steps=4)
    assert [lr_factor(constant, step, 10, 5) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    plain = [lr_factor(CosineConfig("cosine", 0.1), step, 10, 5) for step in range(10)]
    expected = [0.25 * plain[0], 0.5 * plain[1], 0.75 * plain[2], *plain[3:]]
    assert [lr_factor(cosine, step, 10, 5) for step in range(10)] == pytest.approx(expected, rel=1e-15)


def test_step_by_hand() -> None:
    every_2 = StepConfig("step", every_epochs=2.0, gamma=0.5)
    factors = [lr_factor(every_2, step, 100, 3) for step in range(14)]
    assert factors == [1.0] * 6 + [0.5] * 6 + [0.25] * 2
    half_an_epoch = StepConfig("step", every_epochs=0.5, gamma=0.1)
    assert [lr_factor(half_an_epoch, step, 8, 4) for step in range(5)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def by_torch(scheduler: Callable[[torch.optim.Optimizer], LRScheduler], steps: int) -> list[float]:
    """The learning rate at each step, from 1.0 on."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = scheduler(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(("steps", "final"), [(1, 0.0), (50, 0.0), (50, 0.1), (313, 0.9)])
def test_cosine_is_torchs_over_the_whole_training(steps: int, final: float) -> None:
    expected = by_torch(lambda optimizer: CosineAnnealingLR(optimizer, T_max=steps, eta_min=final), steps)
    found = [lr_factor(CosineConfig("cosine", final), step, steps, 7) for step in range(steps)]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("per_epoch", "every", "gamma"), [(4, 1, 0.1), (3, 2, 0.5), (5, 3, 2.0), (49, 7, 0.1)])
def test_step_is_torchs_counted_in_epochs(per_epoch: int, every: int, gamma: float) -> None:
    expected = by_torch(lambda optimizer: StepLR(optimizer, step_size=every * per_epoch, gamma=gamma), 1000)
    schedule = StepConfig("step", every_epochs=float(every), gamma=gamma)
    assert [lr_factor(schedule, step, 1000, per_epoch) for step in range(1000)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("every", [0.1, 0.3, 0.7, 1 / 3])
def test_step_changes_at_the_exact_step_when_every_is_a_fraction(every: float) -> None:
    """floor(step / steps_per_epoch / every) must not fall short by a rounding error."""
    per_epoch, steps = 30, 300
    length = round(every * per_epoch)
    schedule = StepConfig("step", every_epochs=every, gamma=0.5)
    found = [lr_factor(schedule, step, steps, per_epoch) for step in range(steps)]
    assert found == [0.5 ** (step // length) for step in range(steps)]


def test_an_unknown_schedule_is_refused_and_is_not_a_constant_one() -> None:
    with pytest.raises(ValueError, match="no schedule 'linear'"):
        lr_factor(ScheduleConfig("linear"), 0, 10, 5)
