"""Residual branches (He et al. 2015)."""

from __future__ import annotations

from torch import Tensor, nn

from bnlab.declarations import Calls


class Residual(nn.Module):
    """y = x + branch(x). The branch keeps the shape of x."""

    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(self, *branch: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y
