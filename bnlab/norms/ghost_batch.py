"""Ghost batch normalization (Hoffer, Hubara & Soudry 2017, arXiv 1705.08741): a large batch as many small ones.

In training the batch is split along N into ghosts of V samples, V being `virtual_batch_size`, and batch normalization
is applied to each, with statistics over the ghost's n values (n = V, V·L or V·H·W):

    μ_V  = 1/n Σ x
    σ²_V = 1/n Σ (x − μ_V)²
    x̂    = (x − μ_V) / √(σ²_V + ε)
    y    = γ x̂ + β

The running statistics are updated once for each ghost, in their order, as in batch.py, and are used at test time.

N samples make N // V ghosts, or one if N < V. If V does not divide N, their sizes differ by one sample at most, and no
ghost is smaller than V.

Defaults elsewhere: paper: batches of 4,096 in ghosts of 128.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.batch import BatchNorm


class GhostBatchNorm(BatchNorm):
    """Ghost batch normalization over (N, C), (N, C, L) or (N, C, H, W), from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.BatchNorm1d; num_batches_tracked counts ghosts.

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: the weight of the new ghost; None averages all ghosts alike.
        affine: whether there are γ and β.
        virtual_batch_size: V.

    Raises:
        ValueError: a channel of a ghost has only one value.
    """

    treats_alone = Each.FEATURE

    def __init__(
        self, channels: int, *, eps: float, momentum: float | None, affine: bool, virtual_batch_size: int
    ) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=affine, track_running_stats=True)
        self.virtual_batch_size = virtual_batch_size

    def _normalize(self, x: Tensor) -> Tensor:
        if not self.training:
            return super()._normalize(x)
        ghosts = x.tensor_split(max(1, len(x) // self.virtual_batch_size))
        return torch.cat([super(GhostBatchNorm, self)._normalize(ghost) for ghost in ghosts])


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return GhostBatchNorm(channels, **settings)
