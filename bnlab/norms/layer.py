"""Layer normalization (Ba, Kiros & Hinton 2016, arXiv 1607.06450): statistics of a sample over all its values.

Of each sample's K values (K = C for (N, C), C·L for (N, C, L), C·H·W for (N, C, H, W)), in training and at test time:

    μ  = 1/K Σ x
    σ² = 1/K Σ (x − μ)²
    x̂  = (x − μ) / √(σ² + ε)
    y  = γ x̂ + β,  γ and β for each channel

With spatial axes this is group normalization with one group, PyTorch's GroupNorm(1, C). PyTorch's LayerNorm would have
a γ and a β for each position as well.

Defaults elsewhere: PyTorch: eps 1e-5; LayerNorm over the axes named, with γ and β for each position of them. Keras 3:
epsilon 1e-3; over the last axis.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, weight matrix recentred, data rescaled, one sample
rescaled; changes with: one weight vector rescaled, data recentred.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import normalize_groups


class LayerNorm(nn.Module):
    """Layer normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.LayerNorm(C): weight (γ) and bias (β), of shape (C,).

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        affine: whether there are γ and β.
    """

    treats_alone = Each.SAMPLE

    def __init__(self, channels: int, *, eps: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        return normalize_groups(x, self.weight, self.bias, groups=1, eps=self.eps)


def native(channels: int, ndim: int, *, affine: bool, **settings: Any) -> nn.Module:
    """torch.nn's layer for inputs of `ndim` dimensions; the settings are those of `LayerNorm`."""
    if ndim == 2:
        return nn.LayerNorm(channels, elementwise_affine=affine, **settings)
    return nn.GroupNorm(1, channels, affine=affine, **settings)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return LayerNorm(channels, **settings)
