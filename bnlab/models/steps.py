"""Norms of the steps of a recurrent network. Shapes: N batch, T steps, C features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnlab.declarations import Calls, Each


class Affine(nn.Module):
    """y = γ x + β for each feature of (N, C); β is optional."""

    treats_alone = Each.SAMPLE

    def __init__(self, channels: int, gamma: float, shift: bool) -> None:
        super().__init__()
        self.weight: nn.Parameter | None = nn.Parameter(torch.full((channels,), gamma))
        self.bias = nn.Parameter(torch.zeros(channels)) if shift else None

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.weight is None else x * self.weight
        return y if self.bias is None else y + self.bias


class NormOfSteps(nn.Module):
    """Normalizes each step of (N, T, C) by its own norm, or all steps by one.

    Args:
        norms: T norms of inputs (N, C), or one.
        affine: is applied to every step after its norm.
    """

    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(self, norms: nn.Sequential, affine: nn.Module) -> None:
        super().__init__()
        self.count = len(norms)  # an attribute, by which lifting tells replicates apart that differ in it
        self.norms, self.affine = norms, affine

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor
        if self.count == 1:
            y = self.affine(self.norms[0](x.flatten(-3, -2))).unflatten(-2, x.shape[-3:-1])
        else:
            steps = x.transpose(-3, -2).contiguous()  # the norm of a step is twice as fast on what lies together
            y = torch.stack([norm(step) for norm, step in zip(self.norms, steps.unbind(-3), strict=True)], -3)
            y = self.affine(y.flatten(-3, -2)).unflatten(-2, steps.shape[-3:-1]).transpose(-3, -2)
        return y
