"""Instance normalization (Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022): statistics of a sample's channel.

Of each sample's and channel's K values (K = L for (N, C, L), H·W for (N, C, H, W)), in training and at test time:

    μ_NC  = 1/K Σ x
    σ²_NC = 1/K Σ (x − μ_NC)²
    x̂     = (x − μ_NC) / √(σ²_NC + ε)
    y     = γ x̂ + β,  γ and β for each channel

With `track_running_stats`, running averages of the means over N of μ_NC and of the unbiased σ²_NC K/(K−1) are kept as
in batch.py, and used at test time.

Defaults elsewhere: PyTorch: eps 1e-5; no affine, no running statistics. Keras 3: GroupNormalization(groups=-1).

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred, one sample rescaled; changes with: weight matrix recentred.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import normalize_groups, per_channel


class InstanceNorm(nn.Module):
    """Instance normalization over (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.InstanceNorm2d: weight (γ), bias (β), running_mean and running_var, of shape
    (C,), and num_batches_tracked, which PyTorch leaves at 0 here.

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        affine: whether there are γ and β.
        momentum: the weight of the new batch in the running statistics.
        track_running_stats: whether running statistics are kept, and used at test time.

    Raises:
        ValueError: momentum is None with running statistics; an input without spatial axes, or with one value on them
            where the statistics are taken from the input.
    """

    treats_alone = Each.FEATURE

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, *, eps: float, affine: bool, momentum: float | None, track_running_stats: bool
    ) -> None:
        super().__init__()
        _check_momentum(momentum, track_running_stats)
        self.eps = eps
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))
            self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C, L) or (N, C, H, W); the result has the same shape."""
        _check_ndim(x.ndim)
        if self.track_running_stats and not self.training:
            return self._normalize_by_running(x)
        if x[0, 0].numel() < 2:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {x.shape}")
        if self.track_running_stats and self.momentum is not None:
            rows = x.detach().flatten(2)
            self.running_mean.lerp_(rows.mean((0, 2)), self.momentum)
            self.running_var.lerp_(rows.var(-1).mean(0), self.momentum)
        return normalize_groups(x, self.weight, self.bias, groups=x.shape[1], eps=self.eps)

    def _normalize_by_running(self, x: Tensor) -> Tensor:
        rstd = (self.running_var + self.eps).rsqrt()
        y = (x - per_channel(self.running_mean, x.ndim)) * per_channel(rstd, x.ndim)
        if self.weight is None or self.bias is None:
            return y
        return torch.addcmul(per_channel(self.bias, x.ndim), y, per_channel(self.weight, x.ndim))


def native(
    channels: int, ndim: int, *, momentum: float | None, track_running_stats: bool, **settings: Any
) -> nn.Module:
    """torch.nn's layer for inputs of `ndim` dimensions; the settings and errors are those of `InstanceNorm`."""
    _check_ndim(ndim)
    _check_momentum(momentum, track_running_stats)
    layer = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d}[ndim]
    # momentum has no meaning without running statistics, where torch.nn's type still asks for a number
    weight = 0.0 if momentum is None else momentum
    return layer(channels, momentum=weight, track_running_stats=track_running_stats, **settings)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    _check_ndim(ndim)
    return InstanceNorm(channels, **settings)


def _check_ndim(ndim: int) -> None:
    if ndim < 3:
        raise ValueError(
            "instance normalization needs a spatial axis: in (N, C) each channel has one value per sample, whose"
            " deviation from its own mean is zero, so the output is beta whatever the input; use a convolutional model,"
            " or norm=layer."
        )


def _check_momentum(momentum: float | None, track_running_stats: bool) -> None:
    if track_running_stats and momentum is None:
        raise ValueError(
            "instance normalization with running statistics got momentum=None, which torch.nn.InstanceNorm takes as 0,"
            " so that they never move; set a momentum in (0, 1], or track_running_stats=False."
        )
