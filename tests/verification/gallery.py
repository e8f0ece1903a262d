# mypy: ignore-errors
# ruff: noqa: A002, N803, N806
"""Layers as tutorials, courses and libraries write them, each judged by hand: what is right, and the main deviation.

They are written for this set, after programs that are in use, and are no copies of them. `GALLERY` has the judgement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.verification.checks import FAIL, PASS, WITH_CONVENTIONS


class BookLayerNorm(nn.Module):
    """scale and shift, eps inside, and the biased variance."""

    def __init__(self, emb_dim):
        super().__init__()
        self.eps = 1e-5
        self.scale = nn.Parameter(torch.ones(emb_dim))
        self.shift = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        var = x.var(dim=-1, keepdim=True, unbiased=False)
        return self.scale * ((x - mean) / torch.sqrt(var + self.eps)) + self.shift


class BookLayerNormUnbiased(BookLayerNorm):
    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        var = x.var(dim=-1, keepdim=True)
        return self.scale * ((x - mean) / torch.sqrt(var + self.eps)) + self.shift


class AnnotatedLayerNorm(nn.Module):
    """std and eps as in a well-known annotated paper."""

    def __init__(self, features, eps=1e-6):
        super().__init__()
        self.a_2 = nn.Parameter(torch.ones(features))
        self.b_2 = nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        std = x.std(-1, keepdim=True)
        return self.a_2 * (x - mean) / (std + self.eps) + self.b_2


class ScalarLayerNorm(nn.Module):
    """One alpha and one bias for all features."""

    def __init__(self, features: int, eps: float = 10**-6):
        super().__init__()
        self.eps = eps
        self.alpha = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        mean = x.mean(dim=-1, keepdim=True)
        std = x.std(dim=-1, keepdim=True)
        return self.alpha * (x - mean) / (std + self.eps) + self.bias


class BiasSwitchLayerNorm(nn.Module):
    """The bias is optional, and has to be said."""

    def __init__(self, ndim, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(ndim))
        self.bias = nn.Parameter(torch.zeros(ndim)) if bias else None

    def forward(self, input):
        return F.layer_norm(input, self.weight.shape, self.weight, self.bias, 1e-5)


class TFStyleLayerNorm(nn.Module):
    """variance_epsilon, hidden_size, and pow."""

    def __init__(self, hidden_size, variance_epsilon=1e-12):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(hidden_size))
        self.beta = nn.Parameter(torch.zeros(hidden_size))
        self.variance_epsilon = variance_epsilon

    def forward(self, x):
        u = x.mean(-1, keepdim=True)
        s = (x - u).pow(2).mean(-1, keepdim=True)
        x = (x - u) / torch.sqrt(s + self.variance_epsilon)
        return self.gamma * x + self.beta


class ConvLayerNorm2d(nn.Module):
    """Over the channels of (N, C, H, W), at each position."""

    def __init__(self, num_channels, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        self.eps = eps

    def forward(self, x):
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class PermutedLayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class LlamaStyleRMSNorm(nn.Module):
    """In float32, cast back before gamma."""

    def __init__(self, dim: int, eps: float = 1e-6):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x):
        return self._norm(x.float()).type_as(x) * self.weight


class GemmaStyleRMSNorm(LlamaStyleRMSNorm):
    def __init__(self, dim: int, eps: float = 1e-6):
        super().__init__(dim, eps)
        self.weight = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        return (self._norm(x.float()) * (1.0 + self.weight.float())).type_as(x)


class PaperRMSNorm(nn.Module):
    """By norm(2), with eps outside, after the paper's own program."""

    def __init__(self, d, eps=1e-8):
        super().__init__()
        self.eps, self.d = eps, d
        self.scale = nn.Parameter(torch.ones(d))

    def forward(self, x):
        rms_x = x.norm(2, dim=-1, keepdim=True) * self.d ** (-1.0 / 2)
        return self.scale * (x / (rms_x + self.eps))


class NormalizeRMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = dim**0.5
        self.g = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return F.normalize(x, dim=-1) * self.scale * self.g


class PlainRMS(nn.Module):
    """No parameters at all."""

    def __init__(self, dim):
        super().__init__()
        self.scale = dim**-0.5

    def forward(self, x):
        return x / (x.norm(dim=-1, keepdim=True) * self.scale).clamp(min=1e-12)


class SumRMSNorm(LlamaStyleRMSNorm):
    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + self.eps)


class TimesRMSNorm(LlamaStyleRMSNorm):
    """The root where its inverse belongs."""

    def _norm(self, x):
        return x * torch.sqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


class BookBatchNorm(nn.Module):
    """Functions and layer of an online book: the gradient switch, the biased variance, plain attributes."""

    def __init__(self, num_features, num_dims):
        super().__init__()
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma = nn.Parameter(torch.ones(shape))
        self.beta = nn.Parameter(torch.zeros(shape))
        self.moving_mean = torch.zeros(shape)
        self.moving_var = torch.ones(shape)

    def forward(self, X):
        if self.moving_mean.device != X.device:
            self.moving_mean = self.moving_mean.to(X.device)
            self.moving_var = self.moving_var.to(X.device)
        if not torch.is_grad_enabled():
            X_hat = (X - self.moving_mean) / torch.sqrt(self.moving_var + 1e-5)
        else:
            if len(X.shape) == 2:
                mean = X.mean(dim=0)
                var = ((X - mean) ** 2).mean(dim=0)
            else:
                mean = X.mean(dim=(0, 2, 3), keepdim=True)
                var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
            X_hat = (X - mean) / torch.sqrt(var + 1e-5)
            self.moving_mean = (1.0 - 0.1) * self.moving_mean + 0.1 * mean.detach()
            self.moving_var = (1.0 - 0.1) * self.moving_var + 0.1 * var.detach()
        return self.gamma * X_hat + self.beta


class LectureBatchNorm1d(nn.Module):
    """x.var with its default, no_grad for the buffers, which are plain tensors."""

    def __init__(self, dim, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.gamma = nn.Parameter(torch.ones(dim))
        self.beta = nn.Parameter(torch.zeros(dim))
        self.running_mean = torch.zeros(dim)
        self.running_var = torch.ones(dim)

    def forward(self, x):
        if self.training:
            xmean, xvar = x.mean(0, keepdim=True), x.var(0, keepdim=True)
        else:
            xmean, xvar = self.running_mean, self.running_var
        xhat = (x - xmean) / torch.sqrt(xvar + self.eps)
        if self.training:
            with torch.no_grad():
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * xmean.squeeze(0)
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * xvar.squeeze(0)
        return self.gamma * xhat + self.beta


class CourseBatchNorm2d(nn.Module):
    """buffers, view, and the momentum of a course: .9 is the weight of the old value."""

    def __init__(self, num_channels, eps=1e-5, momentum=0.9):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = nn.Parameter(torch.ones(num_channels))
        self.beta = nn.Parameter(torch.zeros(num_channels))
        self.register_buffer("running_mean", torch.zeros(num_channels))
        self.register_buffer("running_var", torch.ones(num_channels))

    def forward(self, x):
        if x.dim() != 4:
            raise ValueError("expected 4D input")
        if self.training:
            mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
            n = x.numel() / x.size(1)
            with torch.no_grad():
                self.running_mean.mul_(self.momentum).add_(mean * (1 - self.momentum))
                self.running_var.mul_(self.momentum).add_(var * (1 - self.momentum) * n / (n - 1))
        else:
            mean, var = self.running_mean, self.running_var
        x = (x - mean.view(1, -1, 1, 1)) / torch.sqrt(var.view(1, -1, 1, 1) + self.eps)
        return self.gamma.view(1, -1, 1, 1) * x + self.beta.view(1, -1, 1, 1)


class ForumBatchNorm2d(nn.BatchNorm2d):
    """torch.nn's layer written out: exponential_average_factor, in-place updates."""

    def forward(self, input):
        self._check_input_dim(input)
        factor = 0.0
        if self.training and self.track_running_stats:
            self.num_batches_tracked += 1
            factor = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        if self.training:
            mean = input.mean([0, 2, 3])
            var = input.var([0, 2, 3], unbiased=False)
            n = input.numel() / input.size(1)
            with torch.no_grad():
                self.running_mean.copy_(factor * mean + (1 - factor) * self.running_mean)
                self.running_var.copy_(factor * var * n / (n - 1) + (1 - factor) * self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        x = (input - mean[None, :, None, None]) / torch.sqrt(var[None, :, None, None] + self.eps)
        return x * self.weight[None, :, None, None] + self.bias[None, :, None, None]


class FastBatchNorm(nn.Module):
    """mults and adds, lerp_, statistics of shape (1, C, 1, 1), the biased variance stored, torch.var's default."""

    def __init__(self, nf, mom=0.1, eps=1e-5):
        super().__init__()
        self.mom, self.eps = mom, eps
        self.mults = nn.Parameter(torch.ones(nf, 1, 1))
        self.adds = nn.Parameter(torch.zeros(nf, 1, 1))
        self.register_buffer("vars", torch.ones(1, nf, 1, 1))
        self.register_buffer("means", torch.zeros(1, nf, 1, 1))

    def update_stats(self, x):
        m = x.mean((0, 2, 3), keepdim=True)
        v = x.var((0, 2, 3), keepdim=True)
        self.means.lerp_(m, self.mom)
        self.vars.lerp_(v, self.mom)
        return m, v

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                m, v = self.update_stats(x)
        else:
            m, v = self.means, self.vars
        x = (x - m) / (v + self.eps).sqrt()
        return x * self.mults + self.adds


class NumpyStyleBatchNorm(nn.Module):
    """cs-course names: bn_param of its own, gamma and beta, sqrt(var) + eps."""

    def __init__(self, D, eps=1e-5, momentum=0.9):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = nn.Parameter(torch.ones(D)), nn.Parameter(torch.zeros(D))
        self.register_buffer("running_mean", torch.zeros(D))
        self.register_buffer("running_var", torch.ones(D))

    def forward(self, x):
        if self.training:
            mu = x.mean(0)
            xmu = x - mu
            var = (xmu**2).sum(0) / len(x)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu.detach()
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var.detach()
            return self.gamma * xmu / (torch.sqrt(var) + self.eps) + self.beta
        return self.gamma * (x - self.running_mean) / (torch.sqrt(self.running_var) + self.eps) + self.beta


class StatelessBatchNorm(nn.Module):
    """The first version in many tutorials: no running statistics."""

    def __init__(self, n, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.ones(n)), nn.Parameter(torch.zeros(n))

    def forward(self, x):
        mean = x.mean(0, keepdim=True)
        var = ((x - mean) ** 2).mean(0, keepdim=True)
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


class WrongAxisBatchNorm(StatelessBatchNorm):
    def __init__(self, n, eps=1e-5, momentum=0.1):
        super().__init__(n, eps)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(n))
        self.register_buffer("running_var", torch.ones(n))

    def forward(self, x):
        if not self.training:
            x_hat = (x - self.running_mean) / (self.running_var + self.eps).sqrt()
            return self.gamma * x_hat + self.beta
        mean = x.mean(1, keepdim=True)
        var = ((x - mean) ** 2).mean(1, keepdim=True)
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * x.mean(0).detach()
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * x.var(0).detach()
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


class ForgetfulBatchNorm(LectureBatchNorm1d):
    """Never looks at self.training."""

    def forward(self, x):
        mean, var = x.mean(0), x.var(0, unbiased=False)
        with torch.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)
            self.running_var.mul_(1 - self.momentum).add_(self.momentum * x.var(0))
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class FrozenBN(nn.Module):
    """Fixed statistics, in both modes."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        shape = (1, -1, *(1,) * (x.dim() - 2))
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        return x * scale.reshape(shape) + (self.bias - self.running_mean * scale).reshape(shape)


class UninitialisedNorm(nn.Module):
    """reset_parameters is never called."""

    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.empty(dim)), nn.Parameter(torch.empty(dim))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class ShortcutInstanceNorm(nn.Module):
    """E[x²] − μ² of each sample and channel."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x):
        n, c = x.shape[:2]
        flat = x.reshape(n, c, -1)
        mean = flat.mean(-1)
        var = (flat**2).mean(-1) - mean**2
        y = (x - mean[..., None, None]) / torch.sqrt(var[..., None, None] + self.eps)
        return y * self.weight.view(1, c, 1, 1) + self.bias.view(1, c, 1, 1)


class StyleInstanceNorm(nn.Module):
    """By var_mean, for images, as style transfer has it; the unbiased variance."""

    def __init__(self, dim, eps=1e-9):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.shift = nn.Parameter(torch.zeros(dim))
        self.eps = eps

    def forward(self, x):
        n = x.size(2) * x.size(3)
        t = x.view(x.size(0), x.size(1), n)
        mean = torch.mean(t, 2).unsqueeze(2).unsqueeze(3).expand_as(x)
        var = torch.var(t, 2).unsqueeze(2).unsqueeze(3).expand_as(x)
        scale = self.scale.unsqueeze(0).unsqueeze(2).unsqueeze(3).expand_as(x)
        shift = self.shift.unsqueeze(0).unsqueeze(2).unsqueeze(3).expand_as(x)
        return (x - mean) / torch.sqrt(var + self.eps) * scale + shift


class ViewGroupNorm(nn.Module):
    """num_groups first, images alone, torch.var's default."""

    def __init__(self, num_features, num_groups=2, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.num_groups, self.eps = num_groups, eps

    def forward(self, x):
        N, C, H, W = x.size()
        G = self.num_groups
        assert C % G == 0
        x = x.view(N, G, -1)
        mean = x.mean(-1, keepdim=True)
        var = x.var(-1, keepdim=True)
        x = (x - mean) / (var + self.eps).sqrt()
        return x.view(N, C, H, W) * self.weight + self.bias


class RightGroupNorm(ViewGroupNorm):
    def forward(self, x):
        N, C = x.shape[:2]
        grouped = x.reshape(N, self.num_groups, -1)
        var, mean = torch.var_mean(grouped, -1, correction=0, keepdim=True)
        x_hat = ((grouped - mean) * (var + self.eps).rsqrt()).reshape(x.shape)
        shape = (1, C, *(1,) * (x.dim() - 2))
        return x_hat * self.weight.view(shape) + self.bias.view(shape)


class SizedGroupNorm(nn.Module):
    """num_groups is taken for how many channels a group has."""

    def __init__(self, num_groups, num_channels):
        super().__init__()
        self.inner = nn.GroupNorm(num_channels // num_groups, num_channels)

    def forward(self, x):
        return self.inner(x)


class FilterResponse(nn.Module):
    """tau starts at 0; images."""

    def __init__(self, num_features, eps=1e-6):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.tau = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.eps = eps

    def forward(self, x):
        nu2 = torch.mean(x.pow(2), dim=[2, 3], keepdim=True)
        x = x * torch.rsqrt(nu2 + abs(self.eps))
        return torch.max(self.gamma * x + self.beta, self.tau)


class FilterResponseFromMinusOne(FilterResponse):
    def __init__(self, num_features, eps=1e-6):
        super().__init__(num_features, eps)
        self.tau = nn.Parameter(torch.full((1, num_features, 1, 1), -1.0))


class FilterResponseReLU(FilterResponse):
    def forward(self, x):
        super().forward(x)
        nu2 = torch.mean(x.pow(2), dim=[2, 3], keepdim=True)
        return torch.relu(self.gamma * x * torch.rsqrt(nu2 + self.eps) + self.beta)


class TabGBN(nn.Module):
    """torch.chunk and torch.nn's layer."""

    def __init__(self, input_dim, virtual_batch_size=128, momentum=0.01):
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.bn = nn.BatchNorm1d(input_dim, momentum=momentum)

    def forward(self, x):
        if not self.training:
            return self.bn(x)
        chunks = x.chunk(math.ceil(x.shape[0] / self.virtual_batch_size), 0)
        return torch.cat([self.bn(each) for each in chunks], dim=0)


class SplitGBN(TabGBN):
    def forward(self, x):
        return torch.cat([self.bn(p) for p in x.split(self.virtual_batch_size)]) if self.training else self.bn(x)


class TanhNorm(nn.Module):
    """Dynamic tanh with channels first."""

    def __init__(self, num_features, alpha=0.5):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1) * alpha)
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))

    def forward(self, x):
        shape = (-1, *(1,) * (x.dim() - 2))
        return self.gamma.view(shape) * torch.tanh(self.alpha * x) + self.beta.view(shape)


class TypoBatchNorm(nn.Module):
    """One of its two layers has another name."""

    def __init__(self, n, eps=1e-5, momentum=0.1):
        super().__init__()
        self.bn = nn.BatchNorm1d(n, eps=eps, momentum=momentum)

    def forward(self, x):
        return self.bm(x) if x.dim() == 2 else self.bn(x)


class InPlaceBatchNorm(LectureBatchNorm1d):
    """Writes into its input."""

    def __init__(self, dim, eps=1e-5, momentum=0.1):
        super().__init__(dim, eps, momentum)
        del self.running_mean, self.running_var
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var(0), self.momentum)
        else:
            mean, var = self.running_mean, self.running_var
        x -= mean
        x /= torch.sqrt(var + self.eps)
        return self.gamma * x + self.beta


class RightBatchNorm(InPlaceBatchNorm):
    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var(0), self.momentum)
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * ((x - mean) / torch.sqrt(var + self.eps)) + self.beta


class DetachedBatchNorm(InPlaceBatchNorm):
    """Its statistics are taken under no_grad."""

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                mean, var = x.mean(0), x.var(0, unbiased=False)
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var(0), self.momentum)
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class DebiasedBatchNorm(InPlaceBatchNorm):
    """Adam's correction of the start."""

    def __init__(self, dim, eps=1e-5, momentum=0.1):
        super().__init__(dim, eps, momentum)
        self.register_buffer("step", torch.tensor(0.0))

    def forward(self, x):
        if self.training:
            self.step += 1
            weight = self.momentum / (1 - (1 - self.momentum) ** float(self.step))
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                self.running_mean.lerp_(mean, weight)
                self.running_var.lerp_(x.var(0), weight)
        else:
            mean, var = self.running_mean, self.running_var
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class TripleBatchNorm(InPlaceBatchNorm):
    """Three mistakes: eps beside the root, the old value's weight, the standard deviation stored."""

    def forward(self, x):
        if self.training:
            mean, std = x.mean(0), x.std(0, unbiased=False)
            with torch.no_grad():
                self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
                self.running_var = self.momentum * self.running_var + (1 - self.momentum) * std
        else:
            mean, std = self.running_mean, self.running_var.sqrt()
        return self.gamma * (x - mean) / (std + self.eps) + self.beta


class LayersInList(nn.Module):
    """A branch for each part, in a plain list."""

    def __init__(self, n, parts=1):
        super().__init__()
        self.parts = [nn.BatchNorm1d(n) for _ in range(parts)]

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


class BatchRenorm1d(nn.Module):
    """rmax and dmax grow by num_batches_tracked."""

    def __init__(self, num_features, eps=1e-3, momentum=0.01):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_std", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.eps, self.step = eps, momentum

    @property
    def rmax(self):
        return (2 / 35000 * self.num_batches_tracked + 25 / 35).clamp_(1.0, 3.0)

    @property
    def dmax(self):
        return (5 / 20000 * self.num_batches_tracked - 25 / 20).clamp_(0.0, 5.0)

    def forward(self, x):
        if self.training:
            mean = x.mean(0)
            std = x.std(0, unbiased=False) + self.eps
            r = (std.detach() / self.running_std).clamp_(1 / self.rmax, self.rmax)
            d = ((mean.detach() - self.running_mean) / self.running_std).clamp_(-self.dmax, self.dmax)
            x = (x - mean) / std * r + d
            self.running_mean += self.step * (mean.detach() - self.running_mean)
            self.running_std += self.step * (std.detach() - self.running_std)
            self.num_batches_tracked += 1
        else:
            x = (x - self.running_mean) / self.running_std
        return self.weight * x + self.bias


class KerasStyleNorm(nn.Module):
    """decay, axis of its own, (N, ..., C) alone."""

    def __init__(self, units, decay=0.99, epsilon=1e-3):
        super().__init__()
        self.decay, self.epsilon = decay, epsilon
        self.gamma, self.beta = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
        self.register_buffer("moving_mean", torch.zeros(units))
        self.register_buffer("moving_variance", torch.ones(units))

    def forward(self, x):
        if self.training:
            axes = tuple(range(x.dim() - 1))
            mean, var = x.mean(axes), x.var(axes, unbiased=False)
            with torch.no_grad():
                self.moving_mean.mul_(self.decay).add_((1 - self.decay) * mean)
                self.moving_variance.mul_(self.decay).add_((1 - self.decay) * x.var(axes))
        else:
            mean, var = self.moving_mean, self.moving_variance
        return (x - mean) / (var + self.epsilon).sqrt() * self.gamma + self.beta


class SwishGroupNorm(nn.Module):
    """EvoNorm-S0."""

    def __init__(self, channels, groups=8, eps=1e-5):
        super().__init__()
        self.groups, self.eps = groups, eps
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.v = nn.Parameter(torch.ones(channels))

    def gate(self, x, v):
        return torch.sigmoid(v * x)

    def forward(self, x):
        shape = (1, -1, *(1,) * (x.dim() - 2))
        parts = x.reshape(len(x), self.groups, -1)
        std = (parts.var(-1, unbiased=False, keepdim=True) + self.eps).sqrt()
        gated = x * self.gate(x, self.v.view(shape))
        return gated.reshape(parts.shape).div(std).view_as(x) * self.gamma.view(shape) + self.beta.view(shape)


class HardSwishGroupNorm(SwishGroupNorm):
    """Another gate."""

    def gate(self, x, v):
        return F.hardsigmoid(v * x)


class NewtonNorm(nn.Module):
    """Iterative normalization."""

    def __init__(self, num_features, T=5, eps=1e-5, momentum=0.1):
        super().__init__()
        self.T, self.eps, self.momentum = T, eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_wm", torch.eye(num_features))

    def step(self, p, s):
        return 1.5 * p - 0.5 * (p @ p @ p @ s)

    def forward(self, x):
        rows = x.movedim(1, 0).flatten(1)
        if self.training:
            mean = rows.mean(1)
            rest = rows - mean[:, None]
            eye = torch.eye(len(rest), dtype=x.dtype)
            sigma = rest @ rest.T / rest.shape[1] + self.eps * eye
            p = eye
            for _ in range(self.T):
                p = self.step(p, sigma / sigma.trace())
            wm = p / sigma.trace().sqrt()
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_wm.lerp_(wm, self.momentum)
        else:
            mean, wm = self.running_mean, self.running_wm
        y = self.weight[:, None] * (wm @ (rows - mean[:, None])) + self.bias[:, None]
        return y.unflatten(1, (len(x), *x.shape[2:])).movedim(0, 1)


class WrongNewtonNorm(NewtonNorm):
    """One factor is missing."""

    def step(self, p, s):
        return 1.5 * p - 0.5 * (p @ p @ s)


class LengthNorm(nn.Module):
    """Scale normalization: one g, that starts at the root of how many features there are."""

    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.g, self.eps = nn.Parameter(torch.full((1,), dim**0.5)), eps

    def forward(self, x):
        return self.g / x.norm(dim=-1, keepdim=True).clamp(min=self.eps) * x


class LengthNormFromOne(LengthNorm):
    def __init__(self, dim, eps=1e-5):
        super().__init__(dim, eps)
        self.g = nn.Parameter(torch.ones(1))


class LengthNormPerFeature(LengthNormFromOne):
    def forward(self, x):
        return self.g * x / (x.norm(dim=-1, keepdim=True) * x.shape[-1] ** -0.5).clamp(min=self.eps)


class SpectralWrapper(nn.Module):
    """One step of power iteration for each pass in training."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.weight_bar = nn.Parameter(layer.weight.detach().clone())
        del layer.weight
        self.register_buffer("u", F.normalize(torch.randn(len(self.weight_bar)), dim=0))

    def forward(self, x):
        w = self.weight_bar.flatten(1)
        with torch.no_grad():
            v = F.normalize(w.T @ self.u, dim=0)
            if self.training:
                self.u.copy_(F.normalize(w @ v, dim=0))
        self.layer.weight = self.weight_bar / self.length(w, v)
        return self.layer(x)

    def length(self, w, v):
        return self.u.clone() @ w @ v


class FrobeniusWrapper(SpectralWrapper):
    """The root of the sum of squares where the largest singular value belongs."""

    def length(self, w, v):
        return w.norm()


class FloorRMSNorm(LlamaStyleRMSNorm):
    """The least that the deviation may be."""

    def _norm(self, x):
        return x / x.pow(2).mean(-1, keepdim=True).sqrt().clamp(min=self.eps)


class SmallEpsRMSNorm(nn.Module):
    """eps beside the root, so small that it looks like rounding."""

    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        return x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-6)


class FeaturelessRMSNorm(nn.Module):
    """Over the channels of an image; without parameters it asks for no number of features."""

    def __init__(self, eps=1e-8):
        super().__init__()
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps)


class HandingOnLayerNorm(nn.LayerNorm):
    """Arguments are the base's, and the features on the second axis."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ForgottenReturnBatchNorm(nn.BatchNorm1d):
    """What is computed is dropped."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def forward(self, x):
        super().forward(x)
        return x


class RandomStartInstanceNorm(nn.Module):
    """A factor at each pixel's offset starts at random, and has no name that is known."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.inner = nn.InstanceNorm2d(num_features, eps, affine=True)
        self.mixing = nn.Parameter(torch.randn(num_features, 1, 1))

    def forward(self, x):
        return self.inner(x) + self.mixing * x.mean((2, 3), keepdim=True)


class FilterResponseAlone(nn.Module):
    """Its threshold is another layer's; written for images, it takes all shapes."""

    def __init__(self, num_features, eps=1e-6):
        super().__init__()
        self.eps = eps
        self.scale, self.shift = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x):
        shape = (1, -1, *(1,) * (x.dim() - 2))
        nu2 = x.flatten(2).pow(2).mean(-1).view(*x.shape[:2], *shape[2:]) if x.dim() > 2 else x**2
        return self.scale.view(shape) * x * (nu2 + self.eps).rsqrt() + self.shift.view(shape)


class SharesNorm2d(nn.Module):
    """Switchable normalization: torch.var's default in the first variance, from which the others are taken."""

    def __init__(self, num_features, eps=1e-5, momentum=0.9):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.mean_weight, self.var_weight = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
        self.register_buffer("running_mean", torch.zeros(num_features, 1))
        self.register_buffer("running_var", torch.zeros(num_features, 1))

    def forward(self, x):
        if x.dim() != 4:
            raise ValueError(f"expected 4D input, got {x.dim()}D")
        flat = x.flatten(2)
        mean = flat.mean(2, keepdim=True)
        square = flat.var(2, keepdim=True) + mean**2
        means, squares = [mean, mean.mean(1, True), mean.mean(0)], [square, square.mean(1, True), square.mean(0)]
        variances = [s - m**2 for s, m in zip(squares, means, strict=True)]
        if self.training:
            with torch.no_grad():
                self.running_mean.mul_(self.momentum).add_((1 - self.momentum) * means[2])
                self.running_var.mul_(self.momentum).add_((1 - self.momentum) * variances[2])
        else:
            means[2], variances[2] = self.running_mean, self.running_var
        mu = sum(w * m for w, m in zip(self.mean_weight.softmax(0), means, strict=True))
        var = sum(w * v for w, v in zip(self.var_weight.softmax(0), variances, strict=True))
        return ((flat - mu) / (var + self.eps).sqrt()).view_as(x) * self.weight + self.bias


class FromZeroBatchNorm(nn.Module):
    """Three mistakes in one statistic: it starts at 0, is biased, and momentum is the old value's weight."""

    def __init__(self, num_features, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gamma, self.beta = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.register_buffer("moving_mean", torch.zeros(num_features))
        self.register_buffer("moving_var", torch.zeros(num_features))

    def forward(self, x):
        mean, var = self.moving_mean, self.moving_var
        if self.training:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            self.moving_mean = self.momentum * self.moving_mean + (1 - self.momentum) * mean.detach()
            self.moving_var = self.momentum * self.moving_var + (1 - self.momentum) * var.detach()
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


class RenormByTheBatch(nn.Module):
    """d is divided by the batch's deviation, and evaluation is as training is."""

    def __init__(self, channels, momentum=0.05, eps=1e-5, r_max=3.0, d_max=5.0):
        super().__init__()
        self.momentum, self.eps, self.r_max, self.d_max = momentum, eps, r_max, d_max
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_std", torch.ones(channels))

    def forward(self, x):
        mean, std = x.mean(0), (x.var(0, unbiased=False) + self.eps).sqrt()
        with torch.no_grad():
            r = (std / self.running_std).clamp(1 / self.r_max, self.r_max)
            d = ((mean - self.running_mean) / std).clamp(-self.d_max, self.d_max)
            if self.training:
                self.running_mean.lerp_(mean, self.momentum)
                self.running_std.lerp_(std, self.momentum)
        return (x - mean) / std * r + d


@dataclass(frozen=True)
class Judged:
    """One layer's judgement.

    Attributes:
        outcome: by hand.
        main: the deviation that has to be named, a mistake or a convention.
        scheme: what it is meant to be.
    """

    cls: type[nn.Module]
    outcome: str
    main: str = ""
    scheme: str = "auto"
    kwargs: dict[str, Any] = field(default_factory=dict)


GALLERY = [
    Judged(BookLayerNorm, PASS),
    Judged(BookLayerNormUnbiased, WITH_CONVENTIONS, "unbiased variance normalizes"),
    Judged(AnnotatedLayerNorm, WITH_CONVENTIONS, "unbiased variance normalizes"),
    Judged(ScalarLayerNorm, WITH_CONVENTIONS, "one gamma for all"),
    Judged(BiasSwitchLayerNorm, PASS),
    Judged(BiasSwitchLayerNorm, WITH_CONVENTIONS, "no beta", kwargs={"bias": False}),
    Judged(TFStyleLayerNorm, PASS),
    Judged(ConvLayerNorm2d, WITH_CONVENTIONS, "statistics for each position"),
    Judged(PermutedLayerNorm2d, WITH_CONVENTIONS, "statistics for each position"),
    Judged(LlamaStyleRMSNorm, PASS),
    Judged(GemmaStyleRMSNorm, WITH_CONVENTIONS, "one added to gamma"),
    Judged(PaperRMSNorm, WITH_CONVENTIONS, "eps outside"),
    Judged(NormalizeRMSNorm, WITH_CONVENTIONS, "eps of F.normalize"),
    Judged(PlainRMS, WITH_CONVENTIONS, "no gamma"),
    Judged(SumRMSNorm, FAIL, "sum of squares divides"),
    Judged(TimesRMSNorm, FAIL, "multiplied by the deviation"),
    Judged(BookBatchNorm, FAIL, "mode taken from the gradient switch"),
    Judged(LectureBatchNorm1d, FAIL, "unbiased variance normalizes"),
    Judged(CourseBatchNorm2d, WITH_CONVENTIONS, "momentum of the old value"),
    Judged(ForumBatchNorm2d, PASS),
    Judged(FastBatchNorm, FAIL, "statistics detached"),
    Judged(NumpyStyleBatchNorm, FAIL, "eps outside"),
    Judged(StatelessBatchNorm, WITH_CONVENTIONS, "no running statistics"),
    Judged(WrongAxisBatchNorm, FAIL, "layer norm instead of batch norm"),
    Judged(ForgetfulBatchNorm, FAIL, "mode ignored"),
    Judged(FrozenBN, FAIL, "statistics frozen"),
    Judged(UninitialisedNorm, FAIL, "weight is uninitialised", scheme="layer"),
    Judged(ShortcutInstanceNorm, FAIL, "shortcut variance"),
    Judged(StyleInstanceNorm, WITH_CONVENTIONS, "unbiased variance normalizes"),
    Judged(ViewGroupNorm, WITH_CONVENTIONS, "unbiased variance normalizes"),
    Judged(RightGroupNorm, PASS),
    Judged(SizedGroupNorm, FAIL, "group size instead of number"),
    Judged(FilterResponse, PASS),
    Judged(FilterResponseFromMinusOne, WITH_CONVENTIONS, "own start"),
    Judged(FilterResponseReLU, FAIL, "relu instead of the threshold"),
    Judged(TabGBN, WITH_CONVENTIONS, "ghosts of torch.chunk"),
    Judged(SplitGBN, WITH_CONVENTIONS, "rest is a ghost"),
    Judged(TanhNorm, PASS, scheme="dyt"),
    Judged(TypoBatchNorm, FAIL, "raises"),
    Judged(InPlaceBatchNorm, FAIL, "input changed"),
    Judged(RightBatchNorm, PASS),
    Judged(DetachedBatchNorm, FAIL, "statistics detached"),
    Judged(DebiasedBatchNorm, FAIL, "another weight at each step"),
    Judged(TripleBatchNorm, FAIL, "eps outside"),
    Judged(LayersInList, FAIL, "layers in a list", "batch"),
    Judged(BatchRenorm1d, FAIL, "eps outside"),
    Judged(KerasStyleNorm, WITH_CONVENTIONS, "momentum of the old value"),
    Judged(nn.BatchNorm2d, WITH_CONVENTIONS, "no running statistics", kwargs={"track_running_stats": False}),
    Judged(nn.GroupNorm, WITH_CONVENTIONS, "no gamma and beta", kwargs={"affine": False}),
    Judged(nn.SyncBatchNorm, PASS, "", "batch"),
    Judged(nn.InstanceNorm2d, PASS),
    Judged(SwishGroupNorm, PASS, scheme="evonorm_s0"),
    Judged(HardSwishGroupNorm, FAIL, "unknown", "evonorm_s0"),
    Judged(NewtonNorm, PASS, scheme="iter_norm"),
    Judged(WrongNewtonNorm, FAIL, "unknown", "iter_norm"),
    Judged(LengthNorm, PASS, "", "scale_norm"),
    Judged(LengthNormPerFeature, WITH_CONVENTIONS, "g in units of √C", "scale_norm"),
    Judged(LengthNormFromOne, WITH_CONVENTIONS, "own start", "scale_norm"),
    Judged(SpectralWrapper, PASS, scheme="spectral_norm"),
    Judged(FrobeniusWrapper, FAIL, "Frobenius norm instead of the largest singular value", "spectral_norm"),
    Judged(FloorRMSNorm, WITH_CONVENTIONS, "eps as a floor"),
    Judged(SmallEpsRMSNorm, WITH_CONVENTIONS, "eps outside"),
    Judged(FeaturelessRMSNorm, WITH_CONVENTIONS, "statistics for each position"),
    Judged(HandingOnLayerNorm, WITH_CONVENTIONS, "statistics for each position"),
    Judged(ForgottenReturnBatchNorm, FAIL, "nothing is normalized"),
    Judged(RandomStartInstanceNorm, FAIL, "unknown"),
    Judged(FilterResponseAlone, WITH_CONVENTIONS, "no threshold"),
    Judged(SharesNorm2d, FAIL, "unbiased variance normalizes", "switchable"),
    Judged(FromZeroBatchNorm, FAIL, "momentum inverted"),
    Judged(RenormByTheBatch, FAIL, "d divided by the batch's deviation", "batch_renorm"),
]
