"""Dynamic erf, Derf (Chen et al. 2025, arXiv 2512.10938): the error function instead of a norm.

Of each value x, in training and at test time:

    y = γ erf(α x + s) + β,  γ and β for each channel, one α and one s for the layer, learned from α₀ = 0.5 and s₀ = 0

with erf(z) = 2/√π ∫₀ᶻ exp(−t²) dt.

Defaults elsewhere: paper: α₀ = 0.5, s₀ = 0.

Invariances, up to ε: norm(W x) stays with: nothing; changes with: weight matrix rescaled, weight matrix recentred,
one weight vector rescaled, data rescaled, data recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import per_channel


class DynamicErf(nn.Module):
    """Dynamic erf over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ) and bias (β), of shape (C,), alpha (α) and shift (s), scalars.

    Args:
        channels: C.
        alpha: α₀, the initial α.
        shift: s₀, the initial s.
        affine: whether there are γ and β.
    """

    treats_alone = Each.CALL

    def __init__(self, channels: int, *, alpha: float, shift: float, affine: bool) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.shift = nn.Parameter(torch.tensor(shift))
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Squash x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        y = (self.alpha * x + self.shift).erf()
        if self.weight is None or self.bias is None:
            return y
        return torch.addcmul(per_channel(self.bias, x.ndim), y, per_channel(self.weight, x.ndim))


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return DynamicErf(channels, **settings)
