"""Online normalization (Chiley et al. 2019, arXiv 1905.05894): each sample is normalized by the samples before it.

The samples of a batch come in their order, t = 1, 2, ...; m_t and v_t are the mean and the biased variance of a channel
of sample t over its spatial axes (on (N, C) its value, and 0). With w = `momentum`:

    x̂_t = (x_t − μ_{t−1}) / √(σ²_{t−1} + ε)
    σ²_t = (1 − w) σ²_{t−1} + w v_t + w (1 − w) (m_t − μ_{t−1})²
    μ_t  = (1 − w) μ_{t−1} + w m_t
    z_t  = γ x̂_t + β
    y_t  = z_t / √(mean(z_t²) + ε)                    the mean is over C and the spatial axes

The gradient through μ and σ² is replaced by a feedback control: it keeps the gradient at x̂ orthogonal to x̂, and that at
x zero, both on average. With h_t = ∂loss/∂x̂_t, c = `gradient_momentum` and means over the spatial axes:

    h'_t = h_t − c u_{t−1} x̂_t,                       u_t = u_{t−1} + mean(h'_t x̂_t)
    ∂loss/∂x_t = h'_t / √(σ²_{t−1} + ε) − c q_{t−1},  q_t = q_{t−1} + mean(∂loss/∂x_t)

At test time μ and σ² are used. μ, σ², u and q go on from batch to batch, so the size of a batch makes no difference.

Defaults elsewhere: paper: w = 0.001, c = 0.01.

Invariances, up to ε: norm(W x) stays with: nothing; changes with: weight matrix rescaled, weight matrix recentred,
one weight vector rescaled, data rescaled, data recentred, one sample rescaled.
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Calls, Each
from bnlab.norms.grouped import per_channel


class OnlineNorm(nn.Sequential):
    """Online normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`, after "norm.": weight (γ), bias (β), running_mean (μ), running_var (σ²), and the control's
    output_error (u) and input_error (q), each of shape (C,).

    Args:
        channels: C.
        eps: ε, added to the variance and to the mean square, under their roots.
        momentum: w, the weight of a new sample in the statistics.
        gradient_momentum: c, the weight of a new sample in the control.
        affine: whether there are γ and β.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(self, channels: int, *, eps: float, momentum: float, gradient_momentum: float, affine: bool) -> None:
        norm = SampleBySample(channels, eps, momentum, gradient_momentum, affine)
        super().__init__(OrderedDict(norm=norm, scaling=LayerScaling(eps)))


class SampleBySample(nn.Module):
    """Computes z of x, for each channel by itself; see the top of this file."""

    treats_alone = Each.FEATURE

    running_mean: Tensor
    running_var: Tensor
    output_error: Tensor
    input_error: Tensor

    def __init__(self, channels: int, eps: float, momentum: float, gradient_momentum: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.momentum, self.gradient_momentum = momentum, gradient_momentum
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        for name in ("running_mean", "output_error", "input_error"):
            self.register_buffer(name, torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Compute z of x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        if self.training:
            x_hat = self._sample_by_sample(x.reshape(*x.shape[:2], -1)).view(x.shape)
        else:
            mean, var = per_channel(self.running_mean, x.ndim), per_channel(self.running_var, x.ndim)
            x_hat = (x - mean) * (var + self.eps).rsqrt()
        if self.weight is None or self.bias is None:
            return x_hat
        return torch.addcmul(per_channel(self.bias, x.ndim), x_hat, per_channel(self.weight, x.ndim))

    def _sample_by_sample(self, x: Tensor) -> Tensor:
        """x̂ of x (N, C, positions); updates the statistics."""
        with torch.no_grad():
            weight = self.momentum
            decay = x.new_full(x.shape[:2], 1 - weight)
            own = x.mean(-1)
            mean, last_mean = _before(decay, weight * own, self.running_mean)
            spread = weight * ((x - own.unsqueeze(-1)).square().mean(-1) + (1 - weight) * (own - mean).square())
            var, last_var = _before(decay, spread, self.running_var)
            self.running_mean.copy_(last_mean)
            self.running_var.copy_(last_var)
            rstd = (var + self.eps).rsqrt().unsqueeze(-1)
        x_hat: Tensor = _Controlled.apply(
            x, mean.unsqueeze(-1), rstd, self.output_error, self.input_error, self.gradient_momentum
        )
        return x_hat


class _Controlled(torch.autograd.Function):
    """x̂ = (x − μ) / √(σ² + ε) with the controlled gradient; the backward pass updates u and q."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, rstd: Tensor, u: Tensor, q: Tensor, weight: float) -> Tensor:
        """x̂ of x (N, C, positions), by mean and rstd (N, C, 1); u and q (C,) are updated in place."""
        x_hat = (x - mean) * rstd
        ctx.save_for_backward(x_hat, rstd)
        ctx.u, ctx.q, ctx.weight = u, q, weight
        return x_hat

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("online norm has no second derivative.")
        x_hat, rstd = ctx.saved_tensors
        weight = ctx.weight
        u, last_u = _before(1 - weight * x_hat.square().mean(-1), (h * x_hat).mean(-1), ctx.u)
        x_grad = (h - weight * u.unsqueeze(-1) * x_hat) * rstd
        inputs = x_grad.mean(-1)
        q, last_q = _before(torch.full_like(inputs, 1 - weight), inputs, ctx.q)
        ctx.u.copy_(last_u)
        ctx.q.copy_(last_q)
        return x_grad - weight * q.unsqueeze(-1), None, None, None, None, None


def _before(decay: Tensor, inputs: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Solves the recurrence s_t = decay_t s_{t−1} + inputs_t from s_0 = start (C,): returns s_0, ..., s_{N−1}, and s_N.

    decay, inputs and the result have shape (N, C). A parallel scan, in which each round joins neighbouring steps, needs
    only log₂ N rounds (Hillis & Steele 1986).
    """
    values = torch.cat([(inputs[:1] + decay[:1] * start), inputs[1:]])
    reach = 1
    while reach < len(values):
        values = torch.cat([values[:reach], torch.addcmul(values[reach:], decay[reach:], values[:-reach])])
        decay = torch.cat([decay[:reach], decay[reach:] * decay[:-reach]])
        reach *= 2
    return torch.cat([start.unsqueeze(0), values[:-1]]), values[-1]


class LayerScaling(nn.Module):
    """Computes y of z: divides each sample by the root of its mean square."""

    treats_alone = Each.SAMPLE

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Compute y of z of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        return x * (x.square().mean(tuple(range(1, x.ndim)), keepdim=True) + self.eps).rsqrt()


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return OnlineNorm(channels, **settings)
