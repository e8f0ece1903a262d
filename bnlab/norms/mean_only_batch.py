"""Mean-only batch normalization (Salimans & Kingma 2016, arXiv 1602.07868, section 4): the half that subtracts.

Of each channel's n values in the batch (n = N, N·L or N·H·W):

    μ_B = 1/n Σ x
    y   = γ (x − μ_B) + β

At test time μ takes the place of μ_B; in training μ ← (1 − m) μ + m μ_B, with m = `momentum`. The paper combines it
with weight normalization and has no γ. Here γ and β are as in batch normalization: only the division is missing.

Defaults elsewhere: paper: no γ; after weight normalization.

Invariances, up to ε: norm(W x) stays with: data recentred; changes with: weight matrix rescaled, weight matrix
recentred, one weight vector rescaled, data rescaled, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.over_batch import OverBatch


class MeanOnlyBatchNorm(OverBatch):
    """Mean-only batch normalization over (N, C), (N, C, L) or (N, C, H, W), from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β) and running_mean (μ), each of shape (C,).

    Args:
        channels: C.
        momentum: m, the weight of the new batch.
        affine: whether there are γ and β.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    running_mean: Tensor

    def __init__(self, channels: int, *, momentum: float, affine: bool) -> None:
        super().__init__(channels, affine=affine, running_mean=0.0)
        self.momentum = momentum

    def by_batch(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        mean = x.mean(axes)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
        return x - mean

    def by_running(self, x: Tensor) -> Tensor:
        return x - self.running_mean


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return MeanOnlyBatchNorm(channels, **settings)
