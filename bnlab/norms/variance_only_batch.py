"""Variance normalization (Daneshmand et al. 2020, arXiv 2003.01652): the half of batch normalization that divides.

Of each channel's n values in the batch (n = N, N·L or N·H·W):

    μ_B  = 1/n Σ x
    σ²_B = 1/n Σ (x − μ_B)²
    y    = γ x / √(σ²_B + ε) + β

The variance is about the mean, though the mean is not subtracted from x, as in the program of Lubana et al. 2021, arXiv
2106.05956. At test time σ² takes the place of σ²_B; in training σ² ← (1 − m) σ² + m σ²_B n/(n−1), with m = `momentum`,
as in batch normalization.

Defaults elsewhere: paper: γ = 1, β = 0, no ε; divides by the root of mean(x²).

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled; changes
with: weight matrix recentred, data recentred, one sample rescaled.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.over_batch import OverBatch


class VarianceOnlyBatchNorm(OverBatch):
    """Variance normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β) and running_var (σ²), each of shape (C,).

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: m, the weight of the new batch.
        affine: whether there are γ and β.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    running_var: Tensor

    def __init__(self, channels: int, *, eps: float, momentum: float, affine: bool) -> None:
        super().__init__(channels, affine=affine, running_var=1.0)
        self.eps = eps
        self.momentum = momentum

    def by_batch(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        n = math.prod(x.shape[axis] for axis in axes)
        squares = (x - x.mean(axes)).square().sum(axes)
        with torch.no_grad():
            self.running_var.lerp_(squares / (n - 1), self.momentum)
        return x * (squares / n + self.eps).rsqrt()

    def by_running(self, x: Tensor) -> Tensor:
        return x * (self.running_var + self.eps).rsqrt()


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return VarianceOnlyBatchNorm(channels, **settings)
