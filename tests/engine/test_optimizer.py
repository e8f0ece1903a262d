"""The updates against torch.optim's, to the bit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bnlab.config import AdamConfig, OptimizerConfig, ScheduleConfig, SGDConfig
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
