"""Switchable normalization (Luo et al. 2018, arXiv 1806.10779): a learned mix of instance, layer and batch statistics.

It has three means and biased variances: of each sample and channel over space (IN), of each sample over C and space
(LN), and of each channel over N and space (BN). The layer learns λ and λ', and with w = softmax(λ), w' = softmax(λ'):

    μ  = w_IN μ_IN + w_LN μ_LN + w_BN μ_BN
    σ² = w'_IN σ²_IN + w'_LN σ²_LN + w'_BN σ²_BN
    x̂  = (x − μ) / √(σ² + ε)
    y  = γ x̂ + β,  γ and β for each channel

On (N, C) there is no space and IN is left out, as in the paper. λ and λ' start at 0, which are equal shares. At test
time running averages take the places of μ_BN and σ²_BN; the stored variance is the biased one.

Defaults elsewhere: no other implementation.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, data rescaled; changes with: weight matrix
recentred, one weight vector rescaled, data recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import per_channel


class SwitchableNorm(nn.Module):
    """Switchable normalization over (N, C), (N, C, L) or (N, C, H, W), from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β), running_mean and running_var, of shape (C,), mean_logits (λ) and var_logits
    (λ'), of shape (3,) in the order IN, LN, BN, or (2,) on (N, C).

    Args:
        channels: C.
        statistics: number of statistics that are mixed: 3, or 2 without IN.
        eps: ε, added to the variance under the root.
        momentum: the weight of the new batch in the running averages.
        affine: whether there are γ and β.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.CALL

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, statistics: int, *, eps: float, momentum: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.mean_logits = nn.Parameter(torch.zeros(statistics))
        self.var_logits = nn.Parameter(torch.zeros(statistics))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        rows = x.flatten(2) if x.ndim > 2 else x.unsqueeze(2)  # (N, C, K)
        mean_in = rows.mean(2)
        var_in = (rows - mean_in.unsqueeze(2)).square().mean(2)
        mean_ln, var_ln = _pool(mean_in, var_in, 1)
        mean_bn, var_bn = self._of_batch(mean_in, var_in) if self.training else (self.running_mean, self.running_var)
        means, variances = [mean_in, mean_ln, mean_bn], [var_in, var_ln, var_bn]
        mean, var = _mix(self.mean_logits, means), _mix(self.var_logits, variances)
        y = (rows - mean.unsqueeze(2)) * (var + self.eps).rsqrt().unsqueeze(2)
        if self.weight is not None and self.bias is not None:
            y = torch.addcmul(per_channel(self.bias, 3), y, per_channel(self.weight, 3))
        return y.reshape(x.shape)

    def _of_batch(self, mean_in: Tensor, var_in: Tensor) -> tuple[Tensor, Tensor]:
        """μ_BN and σ²_BN, shape (1, C); their running averages are updated."""
        if len(mean_in) == 1 and len(self.mean_logits) == 2:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {mean_in.shape}")
        mean, var = _pool(mean_in, var_in, 0)
        for running, new in ((self.running_mean, mean), (self.running_var, var)):
            running.mul_(1 - self.momentum).add_(new.detach()[0], alpha=self.momentum)  # lerp_ has no vectorized form
        return mean, var


def _pool(means: Tensor, variances: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of the union of sets of equal size, along an axis of (N, C), which is kept with length 1."""
    mean = means.mean(axis, keepdim=True)
    return mean, (variances + (means - mean).square()).mean(axis, keepdim=True)


def _mix(logits: Tensor, statistics: list[Tensor]) -> Tensor:
    """The mean of the statistics, shape (N, C), weighted by softmax(logits); with two logits, of the last two."""
    shares = logits.softmax(0)
    mixed = [share * each for share, each in zip(shares, statistics[-len(shares) :], strict=True)]
    return torch.stack(torch.broadcast_tensors(*mixed)).sum(0)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file, without IN on (N, C)."""
    return SwitchableNorm(channels, 2 if ndim == 2 else 3, **settings)
