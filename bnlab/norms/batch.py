"""Batch normalization (Ioffe & Szegedy 2015, arXiv 1502.03167): statistics of a channel over the mini-batch.

Of each channel's n values in the batch B (n = N for (N, C), N·L for (N, C, L), N·H·W for (N, C, H, W)):

    μ_B  = 1/n Σ x
    σ²_B = 1/n Σ (x − μ_B)²
    x̂    = (x − μ_B) / √(σ²_B + ε)
    y    = γ x̂ + β

At test time the running statistics take the place of μ_B and σ²_B. Training updates them as PyTorch does, with the
unbiased variance; m is `momentum`, the weight of the new batch:

    running_mean ← (1 − m) running_mean + m μ_B
    running_var  ← (1 − m) running_var  + m σ²_B n/(n−1)

Defaults elsewhere: PyTorch: eps 1e-5; momentum 0.1, the weight of the new batch; the variance is stored unbiased.
Keras 3: epsilon 1e-3; momentum 0.99, the weight of the old value, here 0.01; stored biased.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each


class _BatchNormTraining(torch.autograd.Function):
    """Normalizes a batch x over some of its axes; the gradients are written out by hand.

    With g = ∂loss/∂y and the sums over the n values of a channel, the chain rule gives for the parameters

        ∂loss/∂β = Σ g                ∂loss/∂γ = Σ g x̂

    and for the input, with s = 1/√(σ² + ε) and the gradient at x̂ being γ g,

        ∂loss/∂σ² = Σ γ g (x − μ) · (−s³/2)
        ∂loss/∂μ  = −s Σ γ g                        (σ² does not change with μ: Σ (x − μ) = 0)
        ∂loss/∂x  = γ g s + ∂loss/∂σ² · 2 (x − μ)/n + ∂loss/∂μ · 1/n
                  = γ s (g − 1/n Σ g − x̂ · 1/n Σ g x̂)

    so the input's gradient needs only the two sums of the parameters' gradients. The code makes as few calls as it can,
    since at a batch of 32 the calls are the cost.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        eps: float,
        running: tuple[Tensor, Tensor, float] | None,
        axes: tuple[int, ...],
    ) -> Tensor:
        """Normalize x over `axes`; gamma, beta and the running statistics broadcast over the rest.

        `running` is running_mean and running_var, updated in place, and the weight of this batch.
        """
        keep = axes[0] > 0
        n = math.prod(x.shape[axis] for axis in axes)
        mean = x.sum(axes, keepdim=keep).div_(n)
        centred = x - mean
        if len(axes) > 1:
            # A sum over the spatial axes too is long, and its rounding shows in the mean: correct it by what is left.
            rest = centred.sum(axes, keepdim=keep).div_(n)
            mean.add_(rest)
            centred.sub_(rest)
        # Not Σx²/n − μ², which loses all digits when μ is large compared with σ.
        squares = (centred * centred).sum(axes, keepdim=keep)
        if running is not None:
            running_mean, running_var, weight = running
            running_mean.lerp_(mean, weight)
            running_var.lerp_(squares / (n - 1), weight)
        rstd = squares.div_(n).add_(eps).rsqrt_()
        x_hat = centred.mul_(rstd)
        ctx.axes, ctx.keep, ctx.minus = axes, keep, -1 / n
        ctx.save_for_backward(x_hat, rstd if gamma is None else rstd * gamma)
        return _affine(x_hat, gamma, beta)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("custom batch norm has no second derivative; use norm.impl=native for it.")
        x_hat, scale = ctx.saved_tensors
        beta_grad = g.sum(ctx.axes, keepdim=ctx.keep)
        gamma_grad = (g * x_hat).sum(ctx.axes, keepdim=ctx.keep)
        x_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = torch.add(g, beta_grad, alpha=ctx.minus)
            x_grad.addcmul_(x_hat, gamma_grad, value=ctx.minus).mul_(scale)
        affine = ctx.needs_input_grad[1]
        return x_grad, gamma_grad if affine else None, beta_grad if affine else None, None, None, None


class BatchNorm(nn.Module):
    """Batch normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.BatchNorm1d: weight (γ) and bias (β), running_mean, running_var, each of shape
    (C,), and num_batches_tracked. A second derivative is not supported.

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: m, the weight of the new batch; None averages all batches alike.
        affine: whether there are γ and β.
        track_running_stats: whether running statistics are kept; if not, test time uses the batch's own as well.

    Raises:
        ValueError: when the batch's statistics are needed and a channel has only one value.
    """

    treats_alone = Each.FEATURE_OVER_AXES

    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, channels: int, *, eps: float, momentum: float | None, affine: bool, track_running_stats: bool
    ) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        self.register_parameter("weight", nn.Parameter(torch.ones(channels)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)) if affine else None)
        if track_running_stats:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))
            self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        if x.ndim == 2:
            return self._normalize(x)
        # With the channel last, vectors of C values broadcast. Only strides change.
        return self._normalize(x.movedim(1, -1)).movedim(-1, 1)

    def _normalize(self, x: Tensor) -> Tensor:
        """Normalize x with the channel last: (N, C), (N, L, C) or (N, H, W, C)."""
        return self.normalize_over(x, tuple(range(x.ndim - 1)), (-1,))

    def normalize_over(self, x: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
        """Normalize x over `axes`; γ, β and the running statistics broadcast over x when viewed in `shape`."""
        gamma, beta = (value if value is None else value.view(shape) for value in (self.weight, self.bias))
        if self.track_running_stats:
            mean, var = self.running_mean.view(shape), self.running_var.view(shape)
            if not self.training:
                return _affine((x - mean) * (var + self.eps).rsqrt(), gamma, beta)
        if math.prod(x.shape[axis] for axis in axes) == 1:
            size = x.movedim(-1, axes[0] + 1).shape
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
        running = (mean, var, self._weight_of_batch()) if self.track_running_stats else None
        y: Tensor = _BatchNormTraining.apply(x, gamma, beta, self.eps, running, axes)
        return y

    def _weight_of_batch(self) -> float:
        """Counts the batch, and returns its weight in the running statistics."""
        self.num_batches_tracked.add_(1)
        return 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum


def _affine(x_hat: Tensor, gamma: Tensor | None, beta: Tensor | None) -> Tensor:
    return x_hat if gamma is None or beta is None else torch.addcmul(beta, x_hat, gamma)


def native(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """torch.nn's layer for inputs of `ndim` dimensions; the settings are those of `BatchNorm`."""
    layer = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[ndim]
    return layer(channels, **settings)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return BatchNorm(channels, **settings)
