"""The updates against torch.optim's, to the bit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from bnlab.config import AdamConfig, OptimizerConfig, RMSPropConfig, ScheduleConfig, SGDConfig
from bnlab.engine.optimizer import Hyperparameters, StackOptimizer
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


def test_rmsprop_is_torchs() -> None:
    """Up to the last bit: torch divides by the root and multiplies by the rate in one operation."""
    for momentum in (0.0, 0.9):
        config = RMSPropConfig("rmsprop", 0.01, 0.1, True, 0.95, momentum, 1e-6)
        generator = torch.Generator().manual_seed(5)
        values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((2, 7, 5), (2, 3))]
        expected = [torch.nn.Parameter(value.clone()) for value in values]
        reference = torch.optim.RMSprop(expected, 0.01, alpha=0.95, eps=1e-6, weight_decay=0.1, momentum=momentum)
        parameters, each = [owned(value) for value in values], Hyperparameters(config, ScheduleConfig("constant"))
        mine = StackOptimizer(parameters, [each, each], 20, 20, pytest.fail)
        for step in range(20):
            gradients = [torch.randn(value.shape, generator=generator, dtype=torch.float64) for value in values]
            for parameter, gradient in zip(expected, gradients, strict=True):
                parameter.grad = gradient.clone()
            reference.step()
            mine.set_lr(step)
            mine.move(gradients)
        for moved, other in zip(parameters, expected, strict=True):
            torch.testing.assert_close(moved.tensor, other, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("longest", [0.01, 1.0, 1e6])
def test_each_replicates_gradient_is_clipped_by_itself(longest: float) -> None:
    """Against torch's own; what belongs to nobody counts for nobody, and one replicate is not clipped."""
    shapes = (3, 4, 5), (3, 2), (6,)
    owners: list[list[int | None]] = [[0, 1, 2], [0, None, 2], [0, 1, 2]]
    generator = torch.Generator().manual_seed(5)
    gradients = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    sgd = SGDConfig("sgd", 1.0, 0.0, True, 0.0, False, clip_norm=longest)
    each = [Hyperparameters(config, ScheduleConfig("constant")) for config in (sgd, sgd, replace(sgd, clip_norm=None))]
    start = [torch.zeros(shape, dtype=torch.float64) for shape in shapes]
    parameters = [
        Owned(value.clone().requires_grad_(), of, of_norm=False) for value, of in zip(start, owners, strict=True)
    ]
    optimizer = StackOptimizer(parameters, each, 1, 1)
    optimizer.set_lr(0)
    optimizer.move(gradients)
    for replicate in range(3):
        mine = [blocks.unflatten(0, (3, -1))[replicate] for blocks in gradients]
        mine = [g for g, of in zip(mine, owners, strict=True) if of[replicate] is not None]
        plain = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in mine]
        for parameter, gradient in zip(plain, mine, strict=True):
            parameter.grad = gradient.clone()
        if replicate < 2:
            torch.nn.utils.clip_grad_norm_(plain, longest)
        moved = [
            each.tensor.detach().unflatten(0, (3, -1))[replicate]
            for each in parameters
            if each.owners[replicate] is not None
        ]
        for value, parameter in zip(moved, plain, strict=True):
            assert parameter.grad is not None
            torch.testing.assert_close(value, -parameter.grad, rtol=1e-12, atol=0)


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


def test_an_unknown_optimizer_is_refused_and_does_not_train_nothing() -> None:
    for unknown in (OptimizerConfig("lion", 0.1, 0.0, True), AdamConfig("nadam", 0.1, 0.0, True, [0.9, 0.99], 1e-8)):
        each = Hyperparameters(unknown, ScheduleConfig("constant"))
        with pytest.raises(ValueError, match=f"no optimizer '{unknown.name}'"):
            StackOptimizer([owned(torch.ones(2, 3))], [each, each], 9, 9)
