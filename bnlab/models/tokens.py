"""What networks over sequences share. Shapes: N batch, T tokens of a sequence, C features of a token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Calls, Each


class _Transposed(torch.autograd.Function):
    """x.mT, laid out as usual, as is its gradient: a norm may take that for granted.

    A sum's last bits depend on the layout of what is summed, and the layout of a gradient that comes together from two
    sides is not the same in a recorded step.
    """

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.mT.contiguous()

    @staticmethod
    def backward(_: Any, g: Tensor) -> Tensor:
        return g.mT.contiguous()


class TokenNorm(nn.Module):
    """A norm of tokens: (N, T, C) -> (N, T, C).

    Args:
        norm: of inputs (N, C) if it is `token_wise`, else of (N, C, L).
        token_wise: each token is a sample of its own, as in a transformer's layer norm. Else the tokens are a spatial
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
    """Adds a learned vector to each place of a sequence: (N, T, C) -> (N, T, C)."""

    treats_alone = Each.CALL
    has_norm_parameters = False

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(tokens, channels))

    def draw(self, generator: torch.Generator) -> None:
        """N(0, 0.02²), as in BERT and ViT."""
        nn.init.normal_(self.places, 0.0, 0.02, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.places


class MeanOfTokens(nn.Module):
    """(N, T, C) -> (N, C)."""

    treats_alone = Each.SAMPLE

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-2)
