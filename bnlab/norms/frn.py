"""Filter response normalization (Singh & Krishnan 2019, arXiv 1911.09737), with its thresholded linear unit (TLU).

Of each sample's and channel's K values (K = L for (N, C, L), H·W for (N, C, H, W)), in training and at test time:

    ν² = 1/K Σ x²
    x̂  = x / √(ν² + ε)
    y  = max(γ x̂ + β, τ),  γ, β and τ for each channel

No mean is subtracted. The TLU, max(·, τ), replaces the activation that would follow the norm.

On (N, C) a channel has one value, K = 1 and x̂ = x/√(x² + ε): the sign of x, unless ε is as large as x². So there ε is
learned, as in the paper for fully connected layers: ε = 1e-6 (the setting) + |ε_l|, with ε_l for each channel, at first
1e-4.

Defaults elsewhere: paper: ε 1e-6, on fully connected layers learned; the activation is max(y, τ).

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, one
sample rescaled; changes with: weight matrix recentred, data recentred.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import per_channel

LEARNED_EPS = 1e-4
"""The initial ε_l, on (N, C)."""


class FilterResponseNorm(nn.Module):
    """Filter response normalization over (N, C), (N, C, L) or (N, C, H, W), from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β), threshold (τ) and, on (N, C), learned_eps (ε_l), each of shape (C,).

    Args:
        channels: C.
        learns_eps: whether there is ε_l.
        eps: ε, added to the mean square under the root.
        affine: whether there are γ and β.
        tlu: whether there is τ.
    """

    treats_alone = Each.FEATURE

    def __init__(self, channels: int, *, learns_eps: bool, eps: float, affine: bool, tlu: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.threshold = nn.Parameter(torch.zeros(channels)) if tlu else None
        self.learned_eps = nn.Parameter(torch.full((channels,), LEARNED_EPS)) if learns_eps else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        spatial = tuple(range(2, x.ndim))
        mean_square = x.square().mean(spatial, keepdim=True) if spatial else x.square()
        if self.learned_eps is not None:
            mean_square = mean_square + per_channel(self.learned_eps.abs(), x.ndim)
        y = x * (mean_square + self.eps).rsqrt()
        if self.weight is not None and self.bias is not None:
            y = torch.addcmul(per_channel(self.bias, x.ndim), y, per_channel(self.weight, x.ndim))
        return y if self.threshold is None else torch.maximum(y, per_channel(self.threshold, x.ndim))


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file, with ε_l on (N, C)."""
    return FilterResponseNorm(channels, learns_eps=ndim == 2, **settings)
