"""Correct layers as tutorials write them, in several styles. None may raise an alarm."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def fit(values: Tensor, x: Tensor) -> Tensor:
    """(C,) to (1, C, 1, ...), as x has it."""
    return values.view(1, -1, *(1,) * (x.ndim - 2))


class BatchNorm(nn.Module):
    """Plain autograd, any shape. The planted mistakes override one method each."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.running_mean: Tensor
        self.running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.statistics(x) if self.by_batch() else (self.running_mean, self.running_var)
        if self.updates():
            with torch.no_grad():
                self.update(x, *self.statistics(x))
        return self.affine(self.normalize(x, mean, var))

    def by_batch(self) -> bool:
        return self.training

    def updates(self) -> bool:
        return self.training

    def axes(self, x: Tensor) -> tuple[int, ...]:
        return (0, *range(2, x.ndim))

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.mean(self.axes(x))
        return mean, ((x - fit(mean, x)) ** 2).mean(self.axes(x))

    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / torch.sqrt(fit(var, x) + self.eps)

    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.gamma, x_hat) * x_hat + fit(self.beta, x_hat)

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        n = x.numel() // x.shape[1]
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var * n / (n - 1)


class Plain(BatchNorm):
    """Without gamma and beta."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.gamma, self.beta

    def affine(self, x_hat: Tensor) -> Tensor:
        return x_hat


class Float32Statistics(BatchNorm):
    """Statistics in float32 whatever the input, as for half precision."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().statistics(x.float())
        return mean.to(x.dtype), var.to(x.dtype)


class Float32Only(BatchNorm):
    """A constant matrix of ones for the sums: (N, C) and float32 only."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = (torch.ones(1, len(x)) @ x / len(x))[0]
        return mean, (torch.ones(1, len(x)) @ (x - mean) ** 2 / len(x))[0]


class Hardcoded(nn.Module):
    """As in a lecture's notebook: (N, C) only, constants written inside, other names, row vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, dim))
        self.b = nn.Parameter(torch.zeros(1, dim))
        self.register_buffer("moving_mean", torch.zeros(1, dim))
        self.register_buffer("moving_var", torch.ones(1, dim))
        self.moving_mean: Tensor
        self.moving_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean, var = x.mean(0, keepdim=True), x.var(0, unbiased=False, keepdim=True)
            self.moving_mean = 0.99 * self.moving_mean + 0.01 * mean.detach()
            self.moving_var = 0.99 * self.moving_var + 0.01 * x.var(0, keepdim=True).detach()
        else:
            mean, var = self.moving_mean, self.moving_var
        return self.g * (x - mean) / (var + 1e-8).sqrt() + self.b


class Wrapped(nn.Module):
    """torch.nn's layer inside another module."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(num_features, eps=eps, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(x)
        return y


class Backward(torch.autograd.Function):
    """Batch normalization of (N, C) with its gradients by hand. `Manual` and the planted mistakes use it."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
        rstd = 1 / torch.sqrt(x.var(0, unbiased=False) + eps)
        x_hat = (x - x.mean(0)) * rstd
        ctx.save_for_backward(x, x_hat, gamma, rstd)
        return gamma * x_hat + beta

    @classmethod
    def gradients(cls, g: Tensor, x: Tensor, x_hat: Tensor, gamma: Tensor, rstd: Tensor) -> tuple[Tensor, ...]:
        h = g * gamma
        x_grad = rstd * (h - h.mean(0) - x_hat * (h * x_hat).mean(0))
        return x_grad, (g * x_hat).sum(0), g.sum(0)

    @classmethod
    def run_backward(cls, ctx: torch.autograd.function.FunctionCtx, g: Tensor) -> tuple[Tensor | None, ...]:
        return (*cls.gradients(g, *ctx.saved_tensors), None)  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, g: Tensor) -> tuple[Tensor | None, ...]:
        return Backward.run_backward(ctx, g)


class LayerNorm(nn.Module):
    """The Annotated Transformer's names, the paper's formula."""

    def __init__(self, features: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(features))
        self.b_2 = nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        mean, var = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return self.a_2 * (x - mean) / torch.sqrt(var + self.eps) + self.b_2


class RMSNorm(nn.Module):
    """As language models have it: in float32 whatever it is given."""

    def __init__(self, hidden_size: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.variance_epsilon = eps

    def forward(self, x: Tensor) -> Tensor:
        values = x.float()
        values = values * torch.rsqrt(values.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * values.to(x.dtype)


class GroupNorm(nn.Module):
    """The paper's program (Wu & He 2018, figure 3), for any shape."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_groups, self.eps = num_groups, eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(len(x), self.num_groups, -1)
        mean, var = rows.mean(-1, keepdim=True), rows.var(-1, unbiased=False, keepdim=True)
        x_hat = ((rows - mean) / torch.sqrt(var + self.eps)).reshape(x.shape)
        return x_hat * fit(self.weight, x) + fit(self.bias, x)


class GroupNormOfThree(nn.Module):
    """Its constructor takes no number of groups."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.norm = GroupNorm(3, num_features)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y
