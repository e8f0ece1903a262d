"""Layers for sequences of tokens. Shapes: N batch, T tokens of a sequence, C features of a token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Calls, Each


class _Transposed(torch.autograd.Function):
    """x.mT, with result and gradient contiguous.

    A norm may rely on that. And it keeps a recorded step the same to the bit: the last bits of a sum depend on the
    memory layout, and where two gradients are added, their sum's layout may differ in a recorded step.
    """

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.mT.contiguous()

    @staticmethod
    def backward(_: Any, g: Tensor) -> Tensor:
        return g.mT.contiguous()


class TokenNorm(nn.Module):
    """Applies a norm to tokens: (N, T, C) -> (N, T, C).

    Args:
        norm: takes inputs (N, C) if `token_wise`, else (N, C, L).
        token_wise: each token is a sample of its own, as for layer norm in a transformer. Else the tokens are a spatial
            axis, so that batch norm has statistics over N and T.
    """

    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(self, norm: nn.Module, token_wise: bool) -> None:
        super().__init__()
        self.norm, self.token_wise = norm, token_wise

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor
        if self.token_wise:
            y = self.norm(x.flatten(-3, -2)).unflatten(-2, x.shape[-3:-1])
        else:
            y = _Transposed.apply(self.norm(_Transposed.apply(x)))
        return y


class Positions(nn.Module):
    """Learned positions: adds a learned vector (C,) to each of the T tokens of (N, T, C)."""

    treats_alone = Each.CALL
    has_norm_parameters = False

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(tokens, channels))

    def draw(self, generator: torch.Generator) -> None:
        """Draws the vectors' initial values from N(0, 0.02²), as in BERT and ViT."""
        nn.init.normal_(self.places, 0.0, 0.02, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.places


class MeanOfTokens(nn.Module):
    """The mean over the tokens: (N, T, C) -> (N, C)."""

    treats_alone = Each.SAMPLE

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-2)
