"""Power normalization (Shen et al. 2020, arXiv 2003.07845): by a running average of the mean square, in training too.

Of each channel's n values in the batch (n = N, N·L or N·H·W), with ψ² the running average over the batches before:

    x̂  = x / √(ψ² + ε)
    y  = γ x̂ + β
    ψ² ← (1 − m) ψ² + m · 1/n Σ x²

The exact gradient would go back through all earlier batches. With h = ∂loss/∂x̂ and a running average ν, also of the
batches before, it is approximated:

    ∂loss/∂x ≈ (h − ν x̂) / √(ψ² + ε)
    ν ← ν + m' · 1/n Σ (h − ν x̂) x̂

In the first `warmup_steps` batches the batch's own 1/n Σ x² takes the place of ψ², and 1/n Σ h x̂ that of ν, which gives
the exact gradient. At test time ψ² is used. m is `momentum`, m' is `gradient_momentum`. The paper's program for
transformers normalizes groups of a sample's channels first; that is left out.

Defaults elsewhere: paper: m = m' = 0.1, 4,000 steps of warm-up.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled; changes
with: weight matrix recentred, data recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.over_batch import OverBatch


class _ByPower(torch.autograd.Function):
    """x̂ of x (..., C) with the approximate gradient; the backward pass updates ν."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, used: Tensor, is_warm: Tensor, projection: Tensor, momentum: float, axes: tuple[int, ...]
    ) -> Tensor:
        """x̂ = x / √used, `used` being the mean square plus ε; `projection` is ν, which `backward` updates in place."""
        rstd = used.rsqrt()
        x_hat = x * rstd
        ctx.save_for_backward(x_hat, rstd, is_warm)
        ctx.projection, ctx.momentum, ctx.axes = projection, momentum, axes
        return x_hat

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("power norm has no second derivative.")
        x_hat, rstd, is_warm = ctx.saved_tensors
        projection = ctx.projection
        of_batch = (h * x_hat).mean(ctx.axes)
        used = torch.where(is_warm, of_batch, projection)
        x_grad = (h - used * x_hat) * rstd
        projection.add_(of_batch - projection * x_hat.square().mean(ctx.axes), alpha=ctx.momentum)
        return x_grad, None, None, None, None, None


class PowerNorm(OverBatch):
    """Power normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ), bias (β), running_mean_square (ψ²) and running_projection (ν), of shape (C,), and
    num_batches_tracked.

    Args:
        channels: C.
        eps: ε, added to the mean square under the root.
        momentum: m, the weight of the new batch in ψ².
        gradient_momentum: m', the weight of the new batch in ν.
        affine: whether there are γ and β.
        warmup_steps: how many batches, at the start, are normalized by their own mean square.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    running_mean_square: Tensor
    running_projection: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        channels: int,
        *,
        eps: float,
        momentum: float,
        gradient_momentum: float,
        affine: bool,
        warmup_steps: int,
    ) -> None:
        super().__init__(channels, affine=affine, running_mean_square=1.0, running_projection=0.0)
        self.eps = eps
        self.momentum, self.gradient_momentum = momentum, gradient_momentum
        self.warmup_steps = warmup_steps
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def by_batch(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        with torch.no_grad():
            mean_square = x.square().mean(axes)
            is_warm = self.num_batches_tracked < self.warmup_steps
            used = torch.where(is_warm, mean_square, self.running_mean_square) + self.eps
            self.running_mean_square.lerp_(mean_square, self.momentum)
            self.num_batches_tracked.add_(1)
        x_hat: Tensor = _ByPower.apply(x, used, is_warm, self.running_projection, self.gradient_momentum, axes)
        return x_hat

    def by_running(self, x: Tensor) -> Tensor:
        return x * (self.running_mean_square + self.eps).rsqrt()


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return PowerNorm(channels, **settings)
