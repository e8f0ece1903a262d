"""The updates against torch.optim's, to the bit; the learning rate's course against formulas and torch's schedulers."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from bnlab.config import AdamConfig, CosineConfig, OptimizerConfig, ScheduleConfig, SGDConfig, StepConfig
from bnlab.engine.optimizer import Hyperparameters, StackOptimizer, lr_factor
from bnlab.lifting import Owned

OPTIMIZERS: dict[str, tuple[OptimizerConfig, Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (
        AdamConfig("adam", 0.01, 0.1, True, [0.8, 0.99], 1e-6),
        torch.optim.Adam,
        {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-6},
    ),
    "adamw": (
        AdamConfig("adamw", 0.02, 0.3, True, [0.9, 0.999], 1e-8),
        torch.optim.AdamW,
        {"lr": 0.02, "weight_decay": 0.3},
    ),
    "sgd": (SGDConfig("sgd", 0.1, 0.2, True, 0.0, False), torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.2}),
    "nesterov": (
        SGDConfig("sgd", 0.1, 0.0, True, 0.9, True),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ),
}


def owned(value: torch.Tensor) -> Owned:
    return Owned(value.clone().requires_grad_(), [0, 1], of_norm=False)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_have_the_bits_of_torchs_fused_optimizers(name: str) -> None:
    config, optimizer_class, options = OPTIMIZERS[name]
    generator = torch.Generator().manual_seed(5)
    values = [torch.randn(shape, generator=generator) for shape in ((2, 7, 5), (2, 3))]
    expected = [torch.nn.Parameter(value.clone()) for value in values]
    reference = optimizer_class(expected, **options, fused=True)
    parameters = [owned(value) for value in values]
    each = Hyperparameters(config, ScheduleConfig("constant"))
    mine = StackOptimizer(parameters, [each, each], 20, 20)
    for step in range(20):
        gradients = [torch.randn(value.shape, generator=generator) for value in values]
        for parameter, gradient in zip(expected, gradients, strict=True):
            parameter.grad = gradient.clone()
        reference.step()
        mine.set_lr(step)
        mine.move([gradient.mT.contiguous().mT for gradient in gradients])  # any layout will do
    for moved, other in zip(parameters, expected, strict=True):
        assert torch.equal(moved.tensor, other)


def test_a_state_that_is_loaded_goes_on_to_the_bit() -> None:
    each = Hyperparameters(OPTIMIZERS["adam"][0], ScheduleConfig("constant"))
    start, gradient = torch.ones(2, 3), torch.linspace(-1, 1, 6).view(2, 3)
    straight, first, second = (owned(start) for _ in range(3))
    optimizers = {id(each_owned): StackOptimizer([each_owned], [each, each], 9, 9) for each_owned in (straight, first)}
    for optimizer in optimizers.values():
        optimizer.set_lr(0)
    for step in range(4):
        optimizers[id(straight)].move([gradient * step])
    for step in range(2):
        optimizers[id(first)].move([gradient * step])
    resumed = StackOptimizer([second], [each, each], 9, 9)
    second.tensor.data.copy_(first.tensor)
    resumed.set_lr(0)
    resumed.load_state(optimizers[id(first)].state())
    for step in (2, 3):
        resumed.move([gradient * step])
    assert torch.equal(second.tensor, straight.tensor)


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
