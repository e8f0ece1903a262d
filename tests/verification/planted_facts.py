"""Layers whose numbers no known mistake gives, with the facts that are said of them, and layers with the mistakes that
are told by a rule from the axes; see planted.py.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.verification.textbook import BatchNorm, LayerNorm, fit


class _OfEachSample(LayerNorm):
    """x̂ over the features of each sample, computed by `hat`."""

    def forward(self, x: Tensor) -> Tensor:
        return self.a_2 * self.hat(x) + self.b_2

    def hat(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class RootOfCubes(_OfEachSample):
    """The mean of cubes, which may be negative, stands under the root."""

    def hat(self, x: Tensor) -> Tensor:
        apart = x - x.mean(-1, keepdim=True)
        return apart / torch.sqrt((apart**3).mean(-1, keepdim=True) + self.eps)


class UpToHere(_OfEachSample):
    """The statistics of a position go over it and those before it."""

    def hat(self, x: Tensor) -> Tensor:
        if x.dim() != 3:
            raise ValueError("it takes (N, L, C) alone, of 3 dimensions")
        n = torch.arange(1, x.shape[1] + 1, dtype=x.dtype).view(-1, 1) * x.shape[2]
        mean = x.sum(2, keepdim=True).cumsum(1) / n
        var = x.square().sum(2, keepdim=True).cumsum(1) / n - mean**2
        return (x - mean) / torch.sqrt(var + self.eps)


class CubeRootDivides(_OfEachSample):
    def hat(self, x: Tensor) -> Tensor:
        var = x.var(-1, correction=0, keepdim=True)
        factor: Tensor = torch.exp(torch.log(var + self.eps) / -3)
        return (x - x.mean(-1, keepdim=True)) * factor


class MeanOfSizes(_OfEachSample):
    """The mean of |x| is taken off."""

    def hat(self, x: Tensor) -> Tensor:
        return (x - x.abs().mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, correction=0, keepdim=True) + self.eps)


class RangeDivides(_OfEachSample):
    def hat(self, x: Tensor) -> Tensor:
        wide = x.amax(-1, keepdim=True) - x.amin(-1, keepdim=True)
        return (x - x.mean(-1, keepdim=True)) / (wide + self.eps)


class RunningInEvaluation(_OfEachSample):
    """In evaluation the statistics of the last batch."""

    kept = torch.zeros(()), torch.ones(())

    def hat(self, x: Tensor) -> Tensor:
        mean, var = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        if self.training:
            self.kept = mean.detach().mean(), var.detach().mean()
            return (x - mean) / torch.sqrt(var + self.eps)
        return (x - self.kept[0]) / torch.sqrt(self.kept[1] + self.eps)


class RangeInEvaluation(BatchNorm):
    """In evaluation the batch's range divides."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        axes = self.axes(x)
        return self.affine((x - fit(self.running_mean, x)) / fit(x.amax(axes) - x.amin(axes), x))


class _ByHand(torch.autograd.Function):
    """x̂ over the last axis, with a mistake in the backward pass: the last term lacks a factor σ, or all is |g|."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float, kind: str) -> Tensor:
        sigma = torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps)
        x_hat = (x - x.mean(-1, keepdim=True)) / sigma
        ctx.save_for_backward(x_hat, sigma)
        ctx.kind = kind
        return x_hat

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (g,), (x_hat, sigma) = grads, ctx.saved_tensors
        if ctx.kind == "sizes":
            return g.abs(), None, None
        of_variance = x_hat * (g * x_hat).mean(-1, keepdim=True)
        return (g - g.mean(-1, keepdim=True) - of_variance / sigma) / sigma, None, None


class TermOfTheGradient(_OfEachSample):
    kind = "term"

    def hat(self, x: Tensor) -> Tensor:
        y: Tensor = _ByHand.apply(x, self.eps, self.kind)
        return y


class SizesOfTheGradient(TermOfTheGradient):
    kind = "sizes"


class ConstantsHidden(nn.Module):
    """Instance normalization without eps: 0 / 0 is replaced by 0, but not in the gradient."""

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(2, x.dim()))
        return torch.nan_to_num((x - x.mean(axes, keepdim=True)) / x.std(axes, correction=0, keepdim=True))


class GammaTwice(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.gamma, x_hat) * x_hat + fit(self.gamma, x_hat)


class BetaTwice(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.beta, x_hat) * x_hat + fit(self.beta, x_hat)


class MeanForVariance(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(self.axes(x)), x.mean(self.axes(x))


class NotDivided(LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return self.a_2 * (x - x.mean(-1, keepdim=True)) + self.b_2


class VarianceOfTheBatch(LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        var = x.var(0, correction=0, keepdim=True)
        return self.a_2 * (x - x.mean(-1, keepdim=True)) / torch.sqrt(var + self.eps) + self.b_2


class MeanOfTheBatch(LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        var = x.var(-1, correction=0, keepdim=True)
        return self.a_2 * (x - x.mean(0, keepdim=True)) / torch.sqrt(var + self.eps) + self.b_2


class FactorAlone(LayerNorm):
    """What normalizes, and not x times it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.a_2 * torch.rsqrt(x.var(-1, correction=0, keepdim=True) + self.eps).expand_as(x) + self.b_2


class RowsOfTheFirst(nn.Module):
    """Filter response normalization by the rows of the first sample of a batch."""

    def __init__(self, num_features: int, eps: float = 1e-6) -> None:
        super().__init__()
        shape = 1, num_features, 1, 1
        self.eps, self.gamma = eps, nn.Parameter(torch.ones(shape))
        self.beta, self.tau = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4:
            raise ValueError("it takes (N, C, H, W) alone, of 4 dimensions")
        squares = x.square().mean(-1, keepdim=True)[0]
        return torch.max(self.gamma * x * torch.rsqrt(squares + self.eps) + self.beta, self.tau)


class SeasonalNorm(LayerNorm):
    """Layer norm of tokens, (N, L, C), less its mean over L."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 3:
            raise ValueError("it takes (N, L, C) alone, of 3 dimensions")
        y = super().forward(x)
        return y - y.mean(1, keepdim=True)


class PowerNotStored(nn.Linear):
    """Spectral normalization whose vector is a plain attribute."""

    u: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            u = torch.randn(len(self.weight), dtype=x.dtype) if self.u is None else self.u
            v = nn.functional.normalize(self.weight.T @ u, dim=0)
            u = nn.functional.normalize(self.weight @ v, dim=0)
            self.u = u if self.training else self.u
        return nn.functional.linear(x, self.weight / (u @ self.weight @ v), self.bias)


class RestLeftOut(nn.Module):
    """Ghosts of four samples."""

    def __init__(self, num_features: int, virtual_batch_size: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.size = virtual_batch_size
        self.norm = nn.BatchNorm1d(num_features, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            evaluated: Tensor = self.norm(x)
            return evaluated
        return torch.cat([self.norm(x[start : start + self.size]) for start in range(0, self.whole(x), self.size)])

    def whole(self, x: Tensor) -> int:
        """The number of samples in whole ghosts."""
        return len(x) // self.size * self.size


class RestPassedOn(RestLeftOut):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return torch.cat([y, x[len(y) :]])


class RenormOfVariances(nn.Module):
    """Batch renormalization that averages the unbiased variance."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, r_max: float = 3.0, d_max: float = 5.0
    ) -> None:
        super().__init__()
        self.eps, self.momentum, self.r_max, self.d_max = eps, momentum, r_max, d_max
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.running_mean: Tensor
        self.running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.dim()))
        kept, deviation = fit(self.running_mean, x), torch.sqrt(fit(self.running_var, x) + self.eps)
        y = (x - kept) / deviation
        if self.training:
            mean, std = x.mean(axes), torch.sqrt(x.var(axes, correction=0) + self.eps)
            r = (fit(std, x) / deviation).detach().clamp(1 / self.r_max, self.r_max)
            d = ((fit(mean, x) - kept) / deviation).detach().clamp(-self.d_max, self.d_max)
            y = (x - fit(mean, x)) / fit(std, x) * r + d
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var(axes), self.momentum)
        return fit(self.weight, x) * y + fit(self.bias, x)


FACTS_OF: list[tuple[type[nn.Module], str, tuple[str, ...]]] = [
    (RootOfCubes, "layer", ("not a number", "unknown")),
    (RunningInEvaluation, "layer", ("mode changes the output", "state not stored", "unknown")),
    (UpToHere, "layer", ("depends on other values", "another size", "unknown")),
    (RangeInEvaluation, "batch", ("evaluation of samples together", "unknown")),
    (CubeRootDivides, "layer", ("another scale", "unknown")),
    (MeanOfSizes, "layer", ("another shift", "unknown")),
    (RangeDivides, "layer", ("another size", "unknown")),
    (TermOfTheGradient, "layer", ("terms of the gradient", "unknown")),
    (SizesOfTheGradient, "layer", ("gradient of another function", "unknown")),
    (GammaTwice, "batch", ("gamma twice",)),
    (BetaTwice, "batch", ("beta twice",)),
    (MeanForVariance, "batch", ("mean for variance",)),
    (NotDivided, "layer", ("not divided",)),
    (FactorAlone, "layer", ("x left out",)),
    (SeasonalNorm, "layer", ("mean of the output taken off",)),
    (PowerNotStored, "spectral_norm", ("state not stored", "unknown")),
    (RowsOfTheFirst, "frn", ("depends on other values", "another size", "unknown")),
    (VarianceOfTheBatch, "layer", ("variance over other axes",)),
    (MeanOfTheBatch, "layer", ("mean over other axes",)),
    (RenormOfVariances, "batch_renorm", ("variance kept",)),
    (RestLeftOut, "ghost_batch", ("rest left out",)),
    (RestPassedOn, "ghost_batch", ("rest passed on",)),
]
"""Class, scheme, and the names of the facts, mistakes or conventions that are said of it."""
