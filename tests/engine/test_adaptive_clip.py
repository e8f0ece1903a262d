"""Adaptive gradient clipping in a stack against the paper's formula, unit by unit in plain loops, in float64."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab import models
from bnlab.config import ScheduleConfig, SGDConfig, from_mapping
from bnlab.engine.optimizer import Hyperparameters, StackOptimizer
from bnlab.lifting import lift, lower, owned_parameters
from bnlab.seeds import weight_generator
from tests.compose import compose

MLP = ("model=mlp", "model.hidden=[6,6]")
CNN = ("model=cnn", "model.channels=[3,1]")
RNN = ("model=rnn", "model.hidden=5")
VIT = ("model=vit", "model.width=8", "model.depth=1", "model.patch=14")
STACKS: dict[str, list[tuple[str, ...]]] = {
    "mlp": [(*MLP, norm) for norm in ("norm=none", "norm=scaled_weight_standardization", "norm=batch")],
    "cnn": [(*CNN, norm) for norm in ("norm=none", "norm=none", "norm=scaled_weight_standardization", "norm=layer")],
    "one mlp": [(*MLP, "norm=layer")],
    "one cnn": [(*CNN, "norm=scaled_weight_standardization")],
    "rnn": [(*RNN, norm) for norm in ("norm=none", "norm=layer")],
    "vit": [(*VIT, norm) for norm in ("norm=none", "norm=rms")],
}
SHARE = 0.02


@pytest.mark.parametrize("name", STACKS)
def test_units_are_cut_but_for_the_logits_layers(name: str) -> None:
    plain = [built(settings, seed) for seed, settings in enumerate(STACKS[name])]
    expected, generator = copy.deepcopy(plain), torch.Generator().manual_seed(2)
    images = torch.rand(1, 9, 1, 28, 28, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (9,), generator=generator)
    shares = [SHARE] * len(plain) if len(plain) < 4 else [SHARE, None, SHARE, SHARE]

    stack = lift(plain)
    owned = owned_parameters(stack)
    logits = stack(images)
    loss = sum(F.cross_entropy(each, labels) for each in logits)
    assert isinstance(loss, Tensor)
    sgd = [SGDConfig("sgd", 1.0, 0.0, True, 0.0, False, adaptive_clip=share) for share in shares]
    optimizer = StackOptimizer(owned, [Hyperparameters(each, ScheduleConfig("constant")) for each in sgd], 1, 1)
    optimizer.set_lr(0)
    optimizer.move(torch.autograd.grad(loss, [each.tensor for each in owned]))
    lower(stack)

    cut = 0
    for mine, model, share in zip(plain, expected, shares, strict=True):
        F.cross_entropy(model(images[0]), labels).backward()
        last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        for (path, moved), weight in zip(mine.named_parameters(), model.parameters(), strict=True):
            assert weight.grad is not None
            is_free = share is None or any(weight is each for each in last.parameters())
            gradient = weight.grad if is_free else clipped(weight.detach(), weight.grad, share or math.inf)
            cut += int(not torch.equal(gradient, weight.grad))
            torch.testing.assert_close(moved.detach(), weight.detach() - gradient, rtol=1e-10, atol=1e-12, msg=path)
    assert cut  # else this test would show nothing


def built(settings: tuple[str, ...], seed: int) -> nn.Module:
    config = from_mapping(compose(settings))
    return models.build(config.model, config.norm, (1, 28, 28), 10, weight_generator(seed)).double()


def clipped(weight: Tensor, gradient: Tensor, share: float) -> Tensor:
    """The paper's equation 3."""
    if weight.ndim < 2:
        return gradient * factor(weight, gradient, share)
    units = [one * factor(row, one, share) for row, one in zip(weight, gradient, strict=True)]
    return torch.stack(units)


def factor(weight: Tensor, gradient: Tensor, share: float) -> float:
    longest = share * max(math.sqrt(float((weight**2).sum())), 1e-3)
    length = math.sqrt(float((gradient**2).sum()))
    return longest / length if length > longest else 1.0
