"""Several mistakes in one layer: each is named, and what is none of them is said to remain."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bnlab.verification.checks.checks import run
from bnlab.verification.checks.subject import accepted
from bnlab.verification.conventions.own_class import of_class
from bnlab.verification.mistakes.diagnosis import diagnose


class Homework(nn.Module):
    """For (N, C): eps beside torch.std, momentum on the old value, and the biased variance stored."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.running_mean: Tensor
        self.running_var: Tensor

    def of_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(0), x.std(0)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean, std = self.of_batch(x)
            with torch.no_grad():
                self.running_mean.mul_(self.momentum).add_((1 - self.momentum) * mean)
                self.running_var.mul_(self.momentum).add_((1 - self.momentum) * x.var(0, correction=0))
        else:
            mean, std = self.running_mean, self.running_var.sqrt()
        return self.out((x - mean) / (std + self.eps))

    def out(self, x_hat: Tensor) -> Tensor:
        return self.gamma * x_hat + self.beta


class AndDetached(Homework):
    def of_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(0).detach(), x.std(0)


class AndSubtracted(Homework):
    def out(self, x_hat: Tensor) -> Tensor:
        return self.gamma * x_hat - self.beta


class AndClipped(Homework):
    """What is fed into the running mean is no mistake that is known."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if self.training:
            self.running_mean.clamp_(-0.1, 0.1)
        return y


OUTPUT = {"eps outside", "unbiased variance normalizes"}
STATISTICS = {"momentum inverted", "stored variance biased"}
SEVERAL: dict[type[nn.Module], set[str]] = {
    Homework: OUTPUT | STATISTICS,
    AndDetached: OUTPUT | STATISTICS | {"mean detached"},
    AndSubtracted: OUTPUT | STATISTICS | {"beta subtracted"},
    AndClipped: OUTPUT | {"unknown"},
}


@pytest.mark.parametrize("cls", SEVERAL)
def test_each_is_named(cls: type[nn.Module]) -> None:
    subject = of_class(cls, "batch")
    found = [diagnosis.mistake for diagnosis in diagnose(run(subject, accepted(subject)))]
    assert (set(found), len(found)) == (SEVERAL[cls], len(SEVERAL[cls]))
