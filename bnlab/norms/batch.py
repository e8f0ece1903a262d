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
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class _BatchNormTraining(torch.autograd.Function):
    """y of the batch x of shape (..., C), and its gradients written out by hand.

    With g = ∂loss/∂y and the sums over the n values of a channel, the chain rule gives for the parameters

        ∂loss/∂β = Σ g                ∂loss/∂γ = Σ g x̂

    and for the input, with s = 1/√(σ² + ε) and the gradient at x̂ being γ g,

        ∂loss/∂σ² = Σ γ g (x − μ) · (−s³/2)
        ∂loss/∂μ  = −s Σ γ g                        (σ² does not change with μ: Σ (x − μ) = 0)
        ∂loss/∂x  = γ g s + ∂loss/∂σ² · 2 (x − μ)/n + ∂loss/∂μ · 1/n
                  = γ s (g − 1/n Σ g − x̂ · 1/n Σ g x̂)

    so the two sums that the parameters need are all that the input needs. x̂ = s (x − μ) is never stored: y is
    (x − μ) · γ s + β. Every line is one call, for at a batch of 32 the calls are the cost.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        eps: float,
        track: Callable[[Tensor, Tensor], None],
    ) -> Tensor:
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        centred = x - mean  # two passes: Σx² − nμ² would lose all digits of a small variance far from zero
        var = centred.square().mean(axes)
        track(mean, var)
        rstd = (var + eps).rsqrt_()
        scale = rstd if gamma is None else rstd * gamma
        ctx.save_for_backward(centred, rstd, scale)
        return centred * scale if beta is None else torch.addcmul(beta, centred, scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        centred, rstd, scale = ctx.saved_tensors
        axes = tuple(range(g.ndim - 1))
        beta_grad = g.sum(axes)
        gamma_grad = (g * centred).sum(axes).mul_(rstd)
        x_grad = None
        if ctx.needs_input_grad[0]:
            minus = -g.shape[-1] / g.numel()  # −1/n
            x_grad = torch.add(g, beta_grad, alpha=minus)
            x_grad.addcmul_(centred, rstd * gamma_grad, value=minus).mul_(scale)
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
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))
            self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        if x.ndim > 2:  # the channel goes last, where a vector of C values broadcasts; only strides change
            return self._normalize(x.movedim(1, -1)).movedim(-1, 1)
        return self._normalize(x)
