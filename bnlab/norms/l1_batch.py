"""L1 batch normalization (Hoffer et al. 2018, arXiv 1803.01814): divides by the mean absolute deviation.

Of each channel's n values in the batch (n = N, N·L or N·H·W):

    μ_B = 1/n Σ x
    s_B = √(π/2) · 1/n Σ |x − μ_B|
    x̂   = (x − μ_B) / (s_B + ε)
    y   = γ x̂ + β

For normally distributed values the factor √(π/2) makes s_B their standard deviation. At test time μ and s take the
places of μ_B and s_B; in training μ ← (1 − m) μ + m μ_B and s ← (1 − m) s + m s_B, with m = `momentum`. (The paper's
program averages 1/(s_B + ε) instead of s_B.)

Defaults elsewhere: paper: ε = 1e-5; its program's momentum 0.1 is the weight of the old value, here 0.9.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.over_batch import OverBatch


class L1BatchNorm(OverBatch):
    """L1 batch normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β), running_mean (μ) and running_std (s), each of shape (C,).

    Args:
        channels: C.
        eps: ε, added to the deviation.
        momentum: m, the weight of the new batch.
        affine: whether there are γ and β.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    running_mean: Tensor
    running_std: Tensor

    def __init__(self, channels: int, *, eps: float, momentum: float, affine: bool) -> None:
        super().__init__(channels, affine=affine, running_mean=0.0, running_std=1.0)
        self.eps = eps
        self.momentum = momentum

    def by_batch(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        mean = x.mean(axes)
        centred = x - mean
        std = math.sqrt(math.pi / 2) * centred.abs().mean(axes)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_std.lerp_(std, self.momentum)
        return centred / (std + self.eps)

    def by_running(self, x: Tensor) -> Tensor:
        return (x - self.running_mean) / (self.running_std + self.eps)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return L1BatchNorm(channels, **settings)
