"""Batch renormalization (Ioffe 2017, arXiv 1702.03275): batch statistics, corrected towards the running ones.

Of each channel's n values in the batch B (n = N, N·L or N·H·W), with μ and σ the running mean and deviation:

    μ_B = 1/n Σ x
    σ_B = √(1/n Σ (x − μ_B)² + ε)
    r   = clip(σ_B / σ, 1/r_max, r_max)            both without gradient
    d   = clip((μ_B − μ) / σ, −d_max, d_max)
    x̂   = (x − μ_B)/σ_B · r + d
    y   = γ x̂ + β

then μ ← (1 − m) μ + m μ_B and σ ← (1 − m) σ + m σ_B: the running average is of σ, ε included, not of the variance. At
test time x̂ = (x − μ)/σ. Training computes the same wherever neither r nor d is clipped.

The bounds follow the paper's schedule, its steps multiplied by `schedule_scale`: batch normalization (1 and 0) for
5,000 steps, then in a straight line to r_max = 3 at step 40,000 and to d_max = 5 at step 25,000.

Invariances: batch normalization's while r = 1 and d = 0; after that only as far as μ and σ have followed a change.

Defaults elsewhere: paper: momentum 0.01; r_max 1 to 3 at step 40,000, d_max 0 to 5 at 25,000, from step 5,000 on.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each

PLAIN, D_FULL, R_FULL = 5_000, 25_000, 40_000
"""The paper's schedule in steps: where plain batch normalization ends, and where d_max and r_max are reached."""


class BatchRenorm(nn.Module):
    """Batch renormalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β), running_mean (μ) and running_std (σ), of shape (C,), num_batches_tracked.

    Args:
        channels: C.
        eps: ε, added to the batch's variance under the root.
        momentum: m, the weight of the new batch; the paper's is 0.01.
        affine: whether there are γ and β.
        r_max: the bound of r at the end of the schedule, 1 or more.
        d_max: the bound of d at the end of the schedule, 0 or more.
        schedule_scale: the schedule's steps as a multiple of the paper's; 0: the full bounds from the first step.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    running_mean: Tensor
    running_std: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        channels: int,
        *,
        eps: float,
        momentum: float,
        affine: bool,
        r_max: float,
        d_max: float,
        schedule_scale: float,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.r_max, self.d_max, self.schedule_scale = r_max, d_max, schedule_scale
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_std", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        rows = x.movedim(1, -1)  # the channel last, where a vector of C values broadcasts
        x_hat = self._standardize(rows) if self.training else (rows - self.running_mean) / self.running_std
        y = x_hat if self.weight is None or self.bias is None else torch.addcmul(self.bias, x_hat, self.weight)
        return y.movedim(-1, 1)

    def bounds(self) -> tuple[Tensor, Tensor]:
        """r_max and d_max at the next step, as tensors of shape (), so that a step can be recorded."""
        count = self.num_batches_tracked  # MPS has no float64
        step = count.to(torch.float32 if count.device.type == "mps" else torch.float64)

        def share(full: int) -> Tensor:
            """How far the step is on the way from the end of the plain steps (0) to `full` (1)."""
            plain, end = PLAIN * self.schedule_scale, full * self.schedule_scale
            return ((step - plain) / (end - plain)).clamp(0, 1) if end > plain else torch.ones_like(step)

        return 1 + share(R_FULL) * (self.r_max - 1), share(D_FULL) * self.d_max

    def _standardize(self, x: Tensor) -> Tensor:
        """x̂ of x with the channel last, by the batch's statistics; updates the running statistics."""
        if x.numel() <= x.shape[-1]:
            size = x.movedim(-1, 1).shape
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        centred = x - mean
        std = (centred.square().mean(axes) + self.eps).sqrt()
        r_max, d_max = self.bounds()
        with torch.no_grad():
            r = (std / self.running_std).clamp_(1 / r_max, r_max)
            d = ((mean - self.running_mean) / self.running_std).clamp_(-d_max, d_max)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_std.lerp_(std, self.momentum)
            self.num_batches_tracked.add_(1)
        return centred * (r / std) + d


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return BatchRenorm(channels, **settings)
