"""A PyTorch that lacks one of its private names trains on, more slowly, and it is said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._guards
import torch._inductor
import torch.fx.experimental.proxy_tensor
import torch.jit._fuser
import torch.jit._recursive

from bnlab.config import ScheduleConfig
from bnlab.engine.optimizer import Hyperparameters, StackOptimizer
from bnlab.engine.step import Step
from tests.engine.test_kernels import stack_of, step_of
from tests.engine.test_optimizer import OPTIMIZERS, owned
from tests.lifting.test_lifting import CLASSES, IMAGES, mlp

KERNELS = {"adam": "_fused_adam_", "adamw": "_fused_adamw_", "sgd": "_fused_sgd_", "nesterov": "_fused_sgd_"}


def train(step: Step) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(256, (1, 16, *IMAGES["mlp"]), generator=generator, dtype=torch.uint8)
    labels = torch.randint(CLASSES, (1, 16), generator=generator)
    return [step(number, images, labels)[0].clone() for number in range(2)]


@pytest.mark.parametrize(
    ("owner", "name", "compiled"),
    [
        (torch.fx.experimental.proxy_tensor, "make_fx", False),
        (torch.jit._recursive, "create_script_module", False),
        (torch.jit._fuser, "optimized_execution", False),
        (torch, "TensorType", False),
        (torch._inductor, "compile", True),
    ],
)
def test_a_step_without_a_private_name_is_the_next_slower_one_with_the_same_bits(
    owner: Any, name: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(step_of(stack_of(mlp(), "batch", "custom", 1), [], compiled=False))
    said: list[str] = []
    monkeypatch.delattr(owner, name)
    step = step_of(stack_of(mlp(), "batch", "custom", 1), said, compiled=compiled)
    assert all(torch.equal(mine, other) for mine, other in zip(train(step), expected, strict=True))
    words = "compiled and is only recorded" if compiled else "recorded, so it is slower"
    assert said == [
        f"the step cannot be {words}: MissingError: PyTorch {torch.__version__} has no {owner.__name__}.{name}"
    ]
    assert (step._full_batch == step._plain) is not compiled


def test_a_recording_without_what_makes_it_quick_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    expected = train(step_of(stack_of(mlp(), "batch", "custom", 1), said, compiled=False))
    monkeypatch.delattr(torch._guards, "tracing")
    step = step_of(stack_of(mlp(), "batch", "custom", 1), said, compiled=False)
    assert all(torch.equal(mine, other) for mine, other in zip(train(step), expected, strict=True))
    assert (step._full_batch == step._plain, said) == (False, [])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_without_its_kernel_moves_as_torchs_plain_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config, optimizer_class, options = OPTIMIZERS[name]
    kernel, said = KERNELS.get(name, ""), list[str]()
    generator = torch.Generator().manual_seed(5)
    values = [torch.randn(shape, generator=generator).double() for shape in ((2, 7, 5), (2, 3))]
    expected = [torch.nn.Parameter(value.clone()) for value in values]
    reference = optimizer_class(expected, **options, foreach=False)
    monkeypatch.delattr(torch, kernel)
    parameters = [owned(value) for value in values]
    each = Hyperparameters(config, ScheduleConfig("constant"))
    mine = StackOptimizer(parameters, [each, each], 20, 20, said.append)
    for step in range(20):
        gradients = [torch.randn(value.shape, generator=generator).double() for value in values]
        for parameter, gradient in zip(expected, gradients, strict=True):
            parameter.grad = gradient.clone()
        reference.step()
        mine.set_lr(step)
        mine.move(gradients)
    for moved, other in zip(parameters, expected, strict=True):
        torch.testing.assert_close(moved.tensor, other, rtol=1e-12, atol=1e-12)
    assert said == [
        f"PyTorch {torch.__version__} has no torch.{kernel}: the steps of {config.name} are slower, and their last bits"
        " other ones"
    ]


def test_a_step_without_the_optimizers_kernel_is_recorded_with_the_plain_ones_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch, "_fused_adam_")
    said: list[str] = []

    def step() -> Step:
        with pytest.warns(UserWarning, match="_fused_adam_"):
            return step_of(stack_of(mlp(), "layer", "native", 1), said, compiled=False)

    recorded, plain = step(), step()
    plain._records = False
    assert all(torch.equal(mine, other) for mine, other in zip(train(recorded), train(plain), strict=True))
    assert said == []
    assert recorded._full_batch != recorded._plain


def test_no_other_file_of_the_engine_knows_a_private_name() -> None:
    engine = Path(sys.modules[StackOptimizer.__module__].__file__ or "").parent
    private = ("torch._", "torch.jit._", "torch.fx.experimental", "._schema")
    found = {file.name for file in engine.glob("*.py") if any(word in file.read_text() for word in private)}
    assert found == {"pytorch_private.py"}
