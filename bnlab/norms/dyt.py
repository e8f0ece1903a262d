"""Dynamic tanh (Zhu et al. 2025, arXiv 2503.10622): a squashing function instead of a norm, without statistics.

Of each value x, in training and at test time:

    y = γ tanh(α x) + β,  γ and β for each channel, one α for the layer, learned from α₀ = 0.5

Defaults elsewhere: paper: α₀ = 0.5.

Invariances, up to ε: norm(W x) stays with: nothing; changes with: weight matrix rescaled, weight matrix recentred,
one weight vector rescaled, data rescaled, data recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import per_channel


class DynamicTanh(nn.Module):
    """Dynamic tanh over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ) and bias (β), of shape (C,), and alpha (α), a scalar.

    Args:
        channels: C.
        alpha: α₀, the initial α.
        affine: whether there are γ and β.
    """

    treats_alone = Each.CALL

    def __init__(self, channels: int, *, alpha: float, affine: bool) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Squash x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        y = (self.alpha * x).tanh()
        if self.weight is None or self.bias is None:
            return y
        return torch.addcmul(per_channel(self.bias, x.ndim), y, per_channel(self.weight, x.ndim))


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return DynamicTanh(channels, **settings)
