"""EvalNorm (Singh & Shrivastava 2019, arXiv 1904.06031): batch normalization that also uses the sample at test time.

In training it is batch normalization (batch.py), in which a sample is part of the statistics that normalize it. The
running statistics do not contain a test sample, so EvalNorm mixes it in with the share a. With the sample's own mean
μ_i and biased variance σ²_i of a channel over its spatial axes, and the running μ and σ², it normalizes by the mean and
the variance of the mixture,

    μ' = (1 − a) μ + a μ_i
    σ'² = (1 − a) σ² + a σ²_i + a (1 − a) (μ_i − μ)²

On (N, C) a sample has one value of a channel: μ_i = x and σ²_i = 0.

a is `own_share`; null means 1/B², B being the largest batch in training (the rule of Kosson et al. 2023, arXiv
2305.17205; the first paper learns an a for each layer). Only the evaluation changes, not the training.

Defaults elsewhere: Kosson et al.: a = 1/B², the running variance biased.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.batch import BatchNorm


class EvalNorm(BatchNorm):
    """EvalNorm over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.BatchNorm1d with largest_batch (B), a whole number, initially 2.

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: the weight of the new batch; None averages all batches alike.
        affine: whether there are γ and β.
        own_share: a; None is 1/B².

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    largest_batch: Tensor

    def __init__(
        self, channels: int, *, eps: float, momentum: float | None, affine: bool, own_share: float | None
    ) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=affine, track_running_stats=True)
        self.own_share = own_share
        self.register_buffer("largest_batch", torch.tensor(2))

    def _normalize(self, x: Tensor) -> Tensor:
        if self.training:
            self.largest_batch.clamp_(min=len(x))
            return super()._normalize(x)
        spatial = tuple(range(1, x.ndim - 1))
        mean = x.mean(spatial, keepdim=True) if spatial else x
        var = (x - mean).square().mean(spatial, keepdim=True) if spatial else torch.zeros_like(x)
        share = 1 / self.largest_batch.square().to(x.dtype) if self.own_share is None else self.own_share
        distance = mean - self.running_mean
        var = self.running_var + share * (var - self.running_var) + share * (1 - share) * distance.square()
        x_hat = (x - self.running_mean - share * distance) * (var + self.eps).rsqrt()
        return x_hat if self.weight is None or self.bias is None else torch.addcmul(self.bias, x_hat, self.weight)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return EvalNorm(channels, **settings)
