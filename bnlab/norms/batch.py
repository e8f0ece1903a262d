"""Batch normalization (Ioffe & Szegedy 2015, arXiv 1502.03167): statistics of a channel over the mini-batch.

Of each channel's n values in the batch B (n = N for (N, C), N·L for (N, C, L), N·H·W for (N, C, H, W)):

    μ_B  = 1/n Σ x
    σ²_B = 1/n Σ (x − μ_B)²
    x̂    = (x − μ_B) / √(σ²_B + ε)
    y    = γ x̂ + β

At test time the running statistics take the place of μ_B and σ²_B. They are updated in training as PyTorch does it, m
being `momentum`, the weight of the new batch, and the variance that is stored being the unbiased one:

    running_mean ← (1 − m) running_mean + m μ_B
    running_var  ← (1 − m) running_var  + m σ²_B n/(n−1)

Defaults elsewhere: PyTorch: eps 1e-5; momentum 0.1, the weight of the new batch; the variance is stored unbiased.
Keras 3: epsilon 1e-3; momentum 0.99, the weight of the old value, here 0.01; stored biased.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn


class _BatchNormTraining(torch.autograd.Function):
    """y of the batch x of shape (..., C), and its gradients written out by hand.

    With g = ∂loss/∂y and the sums over the n values of a channel, the chain rule gives for the parameters

        ∂loss/∂β = Σ g                ∂loss/∂γ = Σ g x̂

    and for the input, with s = 1/√(σ² + ε) and the gradient at x̂ being γ g,

        ∂loss/∂σ² = Σ γ g (x − μ) · (−s³/2)
        ∂loss/∂μ  = −s Σ γ g                        (σ² does not change with μ: Σ (x − μ) = 0)
        ∂loss/∂x  = γ g s + ∂loss/∂σ² · 2 (x − μ)/n + ∂loss/∂μ · 1/n
                  = γ s (g − 1/n Σ g − x̂ · 1/n Σ g x̂)

    so the two sums that the parameters need are all that the input needs. Every line is one call where it can be, for
    at a batch of 32 the calls are the cost.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        eps: float,
        running: tuple[Tensor, Tensor, float] | None,
    ) -> Tensor:
        """Normalize x; `running` is running_mean and running_var, updated in place, and the weight of this batch."""
        axes = tuple(range(x.ndim - 1))
        n = x.numel() // x.shape[-1]
        mean = x.sum(axes).div_(n)
        centred = x - mean
        var = (centred * centred).sum(axes).div_(n)  # not Σx²/n − μ², which loses all digits when μ is far from 0
        if running is not None:
            running_mean, running_var, weight = running
            running_mean.lerp_(mean, weight)
            running_var.lerp_(var * (n / (n - 1)), weight)
        rstd = var.add_(eps).rsqrt_()
        x_hat = centred.mul_(rstd)
        ctx.axes, ctx.minus = axes, -1 / n
        ctx.save_for_backward(x_hat, rstd if gamma is None else rstd * gamma)
        return x_hat if gamma is None or beta is None else torch.addcmul(beta, x_hat, gamma)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("custom batch norm has no second derivative; use norm.impl=native for it.")
        x_hat, scale = ctx.saved_tensors
        beta_grad = g.sum(ctx.axes)
        gamma_grad = (g * x_hat).sum(ctx.axes)
        x_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = torch.add(g, beta_grad, alpha=ctx.minus)
            x_grad.addcmul_(x_hat, gamma_grad, value=ctx.minus).mul_(scale)
        affine = ctx.needs_input_grad[1]
        return x_grad, gamma_grad if affine else None, beta_grad if affine else None, None, None


class BatchNorm(nn.Module):
    """Batch normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.BatchNorm1d: weight (γ) and bias (β), running_mean, running_var, each of shape
    (C,), and num_batches_tracked. A second derivative is not supported.

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: m, the weight of the new batch; None averages all batches alike.
        affine: whether there are γ and β.
        track_running_stats: whether running statistics are kept; if not, test time uses the batch's too.

    Raises:
        ValueError: when the batch's statistics are needed and a channel has only one value.
    """

    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor

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
        # The channel goes last, where a vector of C values broadcasts. Only strides change.
        return self._normalize(x.movedim(1, -1)).movedim(-1, 1)

    def _normalize(self, x: Tensor) -> Tensor:
        """The same with the channel last: (N, C), (N, L, C) or (N, H, W, C)."""
        if not self.training and self.track_running_stats:
            return self._normalize_by_running(x)
        if x.numel() <= x.shape[-1]:
            size = x.movedim(-1, 1).shape
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
        running = self._running() if self.track_running_stats else None
        # One look into the dictionary: reading a parameter as an attribute takes as long as a small addition.
        gamma, beta = self._parameters.values()
        y: Tensor = _BatchNormTraining.apply(x, gamma, beta, self.eps, running)
        return y

    def _normalize_by_running(self, x: Tensor) -> Tensor:
        scale = (self.running_var + self.eps).rsqrt()
        centred = x - self.running_mean
        if self.weight is None or self.bias is None:
            return centred * scale
        return torch.addcmul(self.bias, centred, scale * self.weight)

    def _running(self) -> tuple[Tensor, Tensor, float]:
        running_mean, running_var, batches = cast("Iterable[Tensor]", self._buffers.values())
        batches.add_(1)
        return running_mean, running_var, 1 / batches.item() if self.momentum is None else self.momentum


def native(
    channels: int, ndim: int, *, eps: float, momentum: float | None, affine: bool, track_running_stats: bool
) -> nn.Module:
    """torch.nn's layer for inputs of `ndim` dimensions; the settings are those of `BatchNorm`."""
    layer = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[ndim]
    return layer(channels, eps=eps, momentum=momentum, affine=affine, track_running_stats=track_running_stats)


def custom(
    channels: int, ndim: int, *, eps: float, momentum: float | None, affine: bool, track_running_stats: bool
) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return BatchNorm(channels, eps=eps, momentum=momentum, affine=affine, track_running_stats=track_running_stats)
