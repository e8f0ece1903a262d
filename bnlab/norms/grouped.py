"""Normalization over groups of channels within one sample, which layer, group and instance normalization share.

With one group it is layer normalization, with a group for each channel instance normalization (Wu & He 2018, arXiv
1803.08494, section 3.1).
"""

from typing import Any, cast

import torch
from torch import Tensor


class _NormalizeGroups(torch.autograd.Function):
    """Normalizes x (N, C, ...); the gradients are written out by hand.

    With g = ∂loss/∂y, for each channel, Σ over the samples and the spatial axes,

        ∂loss/∂β = Σ g                ∂loss/∂γ = Σ g x̂

    and with h = γ g the gradient at x̂, s = 1/√(σ² + ε) and means over the K values of a group, the chain rule through
    σ² and μ as in batch.py gives

        ∂loss/∂x = s (h − mean(h) − x̂ · mean(h x̂))
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor | None, beta: Tensor | None, groups: int, eps: float) -> Tensor:
        rows = x.reshape(x.shape[0], groups, -1)  # shape, not len: an exported program is for any N
        centred = rows - rows.mean(-1, keepdim=True)
        rstd = centred.square().mean(-1, keepdim=True).add_(eps).rsqrt_()
        x_hat = centred.mul_(rstd).view(x.shape)
        ctx.save_for_backward(x_hat, rstd, gamma)
        if gamma is None or beta is None:
            return x_hat
        return torch.addcmul(per_channel(beta, x.ndim), x_hat, per_channel(gamma, x.ndim))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("custom norms have no second derivative; use norm.impl=native for it.")
        x_hat, rstd, gamma = ctx.saved_tensors
        gamma_grad = beta_grad = None
        h = g
        if gamma is not None:
            axes = (0, *range(2, g.ndim))
            gamma_grad = (g * x_hat).sum(axes)
            beta_grad = g.sum(axes)
            h = g * per_channel(gamma, g.ndim)
        h = h.reshape(len(g), len(rstd[0]), -1)
        x_hat = x_hat.view(h.shape)
        along = (h * x_hat).mean(-1, keepdim=True)
        x_grad = (h - h.mean(-1, keepdim=True)).addcmul_(x_hat, along, value=-1).mul_(rstd)
        return x_grad.view(g.shape), gamma_grad, beta_grad, None, None


def normalize_groups(x: Tensor, gamma: Tensor | None, beta: Tensor | None, groups: int, eps: float) -> Tensor:
    """Computes γ (x − μ) / √(σ² + ε) + β, with the mean μ and biased variance σ² of each sample's groups of channels.

    Args:
        x: shape (N, C), (N, C, L) or (N, C, H, W).
        gamma: γ, shape (C,); None is 1.
        beta: β, shape (C,); None is 0.
        groups: number of groups of neighbouring channels; must divide C.
        eps: ε, added to the variance under the root.

    Returns:
        y of the same shape as x.
    """
    return cast(Tensor, _NormalizeGroups.apply(x, gamma, beta, groups, eps))


def per_channel(values: Tensor, ndim: int) -> Tensor:
    """Values (C,) in a shape that broadcasts over inputs (N, C, ...) of `ndim` dimensions."""
    return values if ndim == 2 else values.view(-1, *(1,) * (ndim - 2))
