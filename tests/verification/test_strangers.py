"""Classes that were not called, judged too mildly or not named at first sight, each kind in a layer of its own."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bnlab.errors import UserError
from bnlab.verification.checks import FAIL, PASS, WITH_CONVENTIONS
from bnlab.verification.conventions import CONVENTIONS
from bnlab.verification.listing import norm_classes
from bnlab.verification.verdict import verify_class
from tests.verification.planted_facts import RowsOfTheFirst


class PlaneNorm(nn.Module):
    """Instance normalization of images; the others change a part of it."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, num_features, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class OwnModes(PlaneNorm):
    """Its modes are set by methods that take no mode."""

    def train(self) -> None:  # type: ignore[override]
        self.training = True

    def eval(self) -> None:  # type: ignore[override]
        self.training = False


class ModeAsValue(PlaneNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, train: bool = True) -> None:
        super().__init__(num_features, eps)
        self.train = train  # type: ignore[method-assign,assignment]


class NothingInTraining(PlaneNorm):
    def forward(self, x: Tensor) -> Tensor:
        return None if self.training else super().forward(x)  # type: ignore[return-value]


class LostAxis(nn.Module):
    """No keepdim, for sequences of features."""

    def __init__(self, eps: float, features: int) -> None:
        super().__init__()
        self.eps, self.gain = eps, nn.Parameter(torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x / torch.sqrt(x.square().mean(-1) + self.eps)


class GammaOfRows(PlaneNorm):
    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return self.gamma.view(1, -1, 1) * (x - mean) / torch.sqrt(var + self.eps) + self.beta.view(1, -1, 1)


class VolumeNorm(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = (nn.Parameter(start(num_features)) for start in (torch.ones, torch.zeros))

    def forward(self, x: Tensor) -> Tensor:
        n, c, d, h, w = x.shape
        flat = x.reshape(n, c, d * h * w)
        var, mean = torch.var_mean(flat, -1, correction=0, keepdim=True)
        y = (flat - mean) / torch.sqrt(var + self.eps) * self.weight[:, None] + self.bias[:, None]
        return y.reshape(x.shape)


class WrongVolumeNorm(VolumeNorm):
    def forward(self, x: Tensor) -> Tensor:
        n, c, d, h, w = x.shape
        return super().forward(x.reshape(n, c, 1, d, h * w)).reshape(x.shape) + x.mean() * 0.1


class GammaOfThePlace(PlaneNorm):
    """A gamma for each place in a batch, whose size is an argument."""

    def __init__(self, num_features: int, batch_size: int = 32) -> None:
        super().__init__(num_features)
        self.gamma = nn.Parameter(torch.ones(batch_size, num_features, 1, 1))
        self.beta = nn.Parameter(torch.zeros(batch_size, num_features, 1, 1))


class MixingNorm(nn.Module):
    """For (N, C), without running statistics, as courses ask for; its gamma is a matrix."""

    def __init__(self, neurons: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.eye(neurons)), nn.Parameter(torch.zeros(neurons))

    def forward(self, x: Tensor) -> Tensor:
        x_hat = (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + self.eps)
        return x_hat @ self.gamma + self.beta


class GammaOfTheGroup(nn.Module):
    def __init__(self, channels: int, num_groups: int = 2, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = num_groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_groups, 1)), nn.Parameter(torch.zeros(num_groups, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        parts = x.reshape(n, self.groups, -1)
        var, mean = torch.var_mean(parts, -1, correction=0, keepdim=True)
        return ((parts - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias).reshape(n, c, h, w)


class OverTheSecondAxis(nn.Module):
    """Right on (N, C), and wrong on (N, L, C)."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps)


class InstanceNormOfTokens(nn.Module):
    """For (N, L, C), with torch.var's unbiased variance."""

    def __init__(self, embed_dim: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps, self.scale, self.bias = eps, nn.Parameter(torch.ones(embed_dim)), nn.Parameter(torch.zeros(embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        x = (x - x.mean(-2, keepdim=True)) / torch.sqrt(x.var(-2, keepdim=True) + self.eps)
        return self.scale * x + self.bias


class RowsScaled(nn.Module):
    """A length normalization in units of √C, whose factor has a name of its own."""

    def __init__(self, d: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps, self.knob = eps, nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.knob * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)


class VarianceItself(nn.Module):
    """Divides by the unbiased variance plus a tiny ε of its own."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + 1e-12) + self.beta


class OfSequences(nn.Module):
    """Layer norm over the channels of (N, C, L), by single numbers γ and β."""

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps, self.gamma, self.beta = eps, nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, -2, correction=0, keepdim=True)
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class LinearOfUnitRows(nn.Linear):
    """A layer with a name that tells nothing, whose weights are standardized by torch.std."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight - self.weight.mean(1, keepdim=True)
        return nn.functional.linear(x, w / (w.std(1, keepdim=True) + 1e-5), self.bias)


class GroupNormOfPlainTensors(nn.Module):
    """Takes any number of channels, but 4 groups do not divide the checks' usual 6."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = num_groups, eps
        self.weight, self.bias = torch.ones(num_channels), torch.zeros(num_channels)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class WeightOfUnitRows(nn.Module):
    """Weight normalization whose v is called weight."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.weight_g = nn.Parameter(torch.ones(out_features, 1))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight_g * self.weight / self.weight.norm(dim=1, keepdim=True), self.bias)


class ByItsPlace(nn.Module):
    """Layer norm with running statistics, which normalize in evaluation."""

    def __init__(self, features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("var", torch.ones(1))
        self.mean: Tensor
        self.var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
        if self.training:
            self.mean, self.var = (
                0.9 * old + 0.1 * new.detach().mean() for old, new in ((self.mean, mean), (self.var, var))
            )
        else:
            mean, var = self.mean, self.var
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class ShortSequences(nn.Module):
    """As an early program for transformers: what has one token is passed on."""

    def __init__(self, d_hid: int, eps: float = 1e-3) -> None:
        super().__init__()
        self.eps = eps
        self.a, self.b = nn.Parameter(torch.ones(d_hid)), nn.Parameter(torch.zeros(d_hid))

    def forward(self, x: Tensor) -> Tensor:
        if x.size(1) == 1:
            return x
        return self.a * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + self.eps) + self.b


class FormulaOfTheForum(nn.Module):
    """One mean for all, a root that is a number of Python, and numbers for gamma and beta."""

    def forward(self, x: Tensor) -> Tensor:
        root: float = float(x.var(correction=0) + 1e-5) ** 0.5
        return (x - x.mean()) / root * 1.5 + 0.25


class TwoWays(nn.Module):
    """After d2l.ai: without eps on (N, C), with eps in what is stored on images."""

    def __init__(self, num_features: int, num_dims: int) -> None:
        super().__init__()
        if num_dims not in (2, 4):
            raise ValueError("2 or 4")
        self.eps = 1e-5
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.register_buffer("moving_mean", torch.zeros(shape))
        self.register_buffer("moving_var", torch.ones(shape))
        self.moving_mean: Tensor
        self.moving_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.ndim))
        mean, var = self.moving_mean, self.moving_var + self.eps
        if self.training:
            mean, var = x.mean(axes, keepdim=True), x.var(axes, correction=0, keepdim=True)
            var = var + self.eps if x.ndim == 4 else var
            self.moving_mean = 0.9 * self.moving_mean + 0.1 * mean.detach()
            self.moving_var = 0.9 * self.moving_var + 0.1 * var.detach()
        return self.gamma * (x - mean) / var.sqrt() + self.beta


class Linear(nn.Module):
    """What is called DyT and squashes nothing; alpha is one for each feature."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x


class OfAConfiguration(nn.Module):
    """Its numbers are attributes of an object."""

    def __init__(self, cfg: Any) -> None:
        super().__init__()
        self.eps = cfg.layer_norm_eps
        self.w, self.b = nn.Parameter(torch.ones(cfg.d_model)), nn.Parameter(torch.zeros(cfg.d_model))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
        return self.w * (x - mean) / torch.sqrt(var + self.eps) + self.b


class OfADevice(nn.Module):
    """It asks for what has a usual value, and for the lengths of axes; gamma is one for each value."""

    def __init__(self, channels: int, height: int, width: int, device: str, dtype: Any) -> None:
        super().__init__()
        shape = (channels, height, width)
        self.gamma = nn.Parameter(torch.ones(shape, device=device, dtype=dtype))
        self.beta = nn.Parameter(torch.zeros(shape, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, (1, 2, 3), correction=0, keepdim=True)
        return self.gamma * (x - mean) / torch.sqrt(var + 1e-5) + self.beta


class ImagesOfTheLastAxis(nn.Module):
    """(N, H, W, C), whose axes it names; it runs on (N, L, C) too, which it is not meant for."""

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.running_mean: Tensor
        self.running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, (0, 1, 2), correction=0)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(var.detach(), self.momentum)
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta


class StandardizedOfPadding(nn.Module):
    """Weight standardization as in BiT, ε under the root; its constructor pads, as a kernel of three pixels needs."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, padding: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(self.conv.weight, (1, 2, 3), correction=0, keepdim=True)
        kernel = (self.conv.weight - mean) / torch.sqrt(var + 1e-3)
        return nn.functional.conv2d(x, kernel, padding=self.conv.padding)


class EpsOfTheType(nn.Conv1d):
    """Weight standardization with an ε for each type, as in programs that train in float16 too."""

    def forward(self, x: Tensor) -> Tensor:
        eps = 1e-5 if x.dtype == torch.float32 else 1e-3
        var, mean = torch.var_mean(self.weight, (1, 2), correction=0, keepdim=True)
        return nn.functional.conv1d(x, (self.weight - mean) * torch.rsqrt(var + eps), self.bias)


class SNDense(nn.Module):
    """Spectral normalization by singular values, whose name is short, as those of its arguments are."""

    def __init__(self, in_ch: int, out_ch: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(out_ch, in_ch))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.w / torch.linalg.matrix_norm(self.w, 2))


class WNConv2d(nn.Module):
    """Weight normalization whose v and g have names of their own."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.lengths = nn.Parameter(torch.ones(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        kernel = nn.functional.normalize(self.directions.flatten(1)).view_as(self.directions)
        return nn.functional.conv2d(x, self.lengths[:, None, None, None] * kernel)


class WNConv1d(WNConv2d):
    """It has no attribute that it uses."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.unsqueeze(-1)).squeeze(-1) * self.gain  # type: ignore[operator]


class WNConv2dOfThree(WNConv2d):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3)


class TinyEpsOfChannels(nn.Module):
    """Layer norm of each position of (N, C, L), with an ε of its own."""

    def __init__(self, channel_size: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channel_size, 1))
        self.beta = nn.Parameter(torch.zeros(1, channel_size, 1))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        return self.gamma * (x - mean) / (var + 1e-8) ** 0.5 + self.beta


class EpsLearned(nn.Module):
    """Filter response normalization without a threshold, whose ε is one number that is learned."""

    def __init__(self, num_features: int, init_eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, num_features, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, num_features, 1, 1))
        self.eps = nn.Parameter(torch.tensor(init_eps))

    def forward(self, x: Tensor) -> Tensor:
        squares = x.square().mean((2, 3), keepdim=True)
        return self.weight * x / torch.sqrt(squares + self.eps.abs()) + self.bias


class OneMoreThanRandom(nn.Module):
    """The factor is 1 + γ, and γ starts near 0."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps, self.gain = eps, nn.Parameter(0.02 * torch.randn(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * (1 + self.gain)


class PowerOfGamma(nn.Module):
    """The factor is exp(γ), which is 1 at first as 1 + γ is."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps, self.gain = eps, nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.gain.exp()


class NoNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class DoubleInside(nn.BatchNorm1d):
    """It computes in float64 and returns float32, without ε in training."""

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        assert mean is not None
        assert var is not None
        assert self.momentum is not None
        root = (var.double() + self.eps).sqrt()
        if self.training:
            var, mean = torch.var_mean(x.double(), 0, correction=0)
            root = var.sqrt()
            with torch.no_grad():
                self.running_mean = torch.lerp(self.running_mean.double(), mean, self.momentum)  # type: ignore[union-attr]
                self.running_var = torch.lerp(self.running_var.double(), x.double().var(0), self.momentum)  # type: ignore[union-attr]
        return ((x.double() - mean) / root * self.weight + self.bias).float()


class AlphaOfPlainTensors(nn.Module):
    """DyT with an alpha for each feature, in plain tensors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.a, self.gamma, self.beta = torch.full((dim,), 0.5), torch.ones(dim), torch.zeros(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * torch.tanh(self.a * x) + self.beta


class WeightNormOfScales(nn.Module):
    """Its g is called scale, and its arguments are plurals."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(n_outputs, n_inputs))
        self.scale = nn.Parameter(torch.ones(n_outputs))
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        unit = self.direction / self.direction.norm(dim=1, keepdim=True)
        return nn.functional.linear(x, self.scale[:, None] * unit, self.bias)


class CountInFloat32(nn.Module):
    """Batch normalization without statistics by sums, whose 1 / n is rounded to float32; gamma is not applied."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        share = torch.tensor(1 / (x.numel() // x.shape[1]), dtype=torch.float32).double().to(x.dtype)
        axes = (0, *range(2, x.ndim))
        apart = x - x.sum(axes, keepdim=True) * share
        return apart / torch.sqrt(apart.square().sum(axes, keepdim=True) * share + self.eps)


KINDS: list[tuple[type[nn.Module], str, str, str]] = [
    (PlaneNorm, "instance", PASS, ""),
    (OwnModes, "instance", FAIL, "its own `train` or `eval`"),
    (ModeAsValue, "instance", FAIL, "its own `train` or `eval`"),
    (NothingInTraining, "instance", FAIL, "its output is of type NoneType"),
    (LostAxis, "rms", FAIL, "it runs only on inputs whose axes all have one length"),
    (GammaOfRows, "instance", FAIL, "it runs only on inputs whose axes all have one length"),
    (VolumeNorm, "instance", WITH_CONVENTIONS, "(N, C, D, H, W)"),
    (nn.BatchNorm3d, "batch", WITH_CONVENTIONS, "(N, C, D, H, W)"),
    (WrongVolumeNorm, "instance", FAIL, ""),
    (GammaOfThePlace, "instance", FAIL, "It has the shape (8, 6, 1, 1), a value for each place in the batch."),
    (MixingNorm, "batch", FAIL, "It has the shape (6, 6), a matrix, which mixes the features."),
    (GammaOfTheGroup, "group", FAIL, "It has the shape (2, 1)"),
    (OverTheSecondAxis, "rms", FAIL, ""),
    (OfAConfiguration, "layer", PASS, ""),
    (InstanceNormOfTokens, "instance", WITH_CONVENTIONS, "with the features on the last axis"),
    (RowsScaled, "scale_norm", WITH_CONVENTIONS, "g starts at 1"),
    (VarianceItself, "layer", FAIL, "is divided by the variance"),
    (OfSequences, "layer", WITH_CONVENTIONS, "over its channels alone"),
    (LinearOfUnitRows, "auto", WITH_CONVENTIONS, "the unbiased one of torch.var"),
    (WeightOfUnitRows, "weight_norm", WITH_CONVENTIONS, "g starts at 1"),
    (StandardizedOfPadding, "weight_standardization", WITH_CONVENTIONS, "that of weight standardization adds it to σ"),
    (EpsOfTheType, "weight_standardization", WITH_CONVENTIONS, "adds it to σ"),
    (SNDense, "auto", PASS, ""),
    (WNConv2d, "auto", WITH_CONVENTIONS, "g starts at 1"),
    (WNConv1d, "auto", FAIL, "object has no attribute 'gain'"),
    (TinyEpsOfChannels, "layer", WITH_CONVENTIONS, "over its channels alone"),
    (EpsLearned, "frn", WITH_CONVENTIONS, "there is no threshold"),
    (WeightNormOfScales, "weight_norm", WITH_CONVENTIONS, "g starts at 1"),
    (CountInFloat32, "batch", FAIL, "gamma and beta are not applied"),
    (OneMoreThanRandom, "rms", WITH_CONVENTIONS, "the factor is 1 + γ"),
    (PowerOfGamma, "rms", FAIL, ""),
    (NoNorm, "auto", PASS, ""),
    (DoubleInside, "batch", FAIL, "eps is not added at all"),
    (AlphaOfPlainTensors, "dyt", FAIL, "alpha is no parameter"),
    (OfADevice, "layer", WITH_CONVENTIONS, "gamma has one value for each value of a sample"),
    (ImagesOfTheLastAxis, "batch", WITH_CONVENTIONS, "stores the biased variance"),
    (ByItsPlace, "layer", FAIL, "for one input it gives another output in eval mode than in train mode"),
    (ShortSequences, "layer", FAIL, "for inputs of one position, as a sequence of one token, the output is the input"),
    (FormulaOfTheForum, "batch", FAIL, "one mean and variance is taken over all values"),
    (FormulaOfTheForum, "batch", FAIL, "the output is multiplied by 1.5, and 0.25 is added to it"),
    (TwoWays, "batch", FAIL, "for (N, C) only: in train mode alone eps is not added at all"),
    (TwoWays, "batch", FAIL, "for (N, C, H, W) only: eps is added to the biased variance that is stored"),
    (Linear, "dyt", FAIL, "there is no tanh"),
    (Linear, "dyt", FAIL, "alpha is not of the shape that it has in this scheme. It has the shape (1, 6)."),
]
"""Class, scheme, outcome, and words that are said of it."""


@pytest.mark.parametrize(("cls", "scheme", "outcome", "words"), KINDS, ids=[cls.__name__ for cls, *_ in KINDS])
def test_a_kind_of_class_is_judged_and_named(cls: type[nn.Module], scheme: str, outcome: str, words: str) -> None:
    verdict = verify_class(cls, scheme)
    said = [
        *(diagnosis.text for diagnosis in verdict.diagnoses),
        *(CONVENTIONS[name].text for name in verdict.conventions),
    ]
    assert verdict.outcome == outcome, said
    assert words in "\n".join(said)


def test_a_fact_says_which_samples_and_axes() -> None:
    verdict = verify_class(RowsOfTheFirst, "frn")
    assert verdict.diagnoses[0].text == (
        "a value of the output depends on the first of the samples and other positions on the last axis: in this scheme"
        " it depends on other positions."
    )


def test_a_kernel_of_its_own_is_refused() -> None:
    with pytest.raises(UserError, match="takes no kernel_size: a convolution is verified with a kernel of one pixel"):
        verify_class(WNConv2dOfThree)


def test_groups_that_do_not_divide_the_usual_channels_are_held_to_more() -> None:
    verdict = verify_class(GroupNormOfPlainTensors, kwargs={"num_groups": 4})
    assert [each.mistake for each in verdict.diagnoses] == ["weight is no parameter", "bias is no parameter"]


def test_the_only_layer_of_a_file_is_verified_whatever_its_name() -> None:
    assert norm_classes(ast.parse(SNIPPET)) == ["Net"]
    assert norm_classes(ast.parse(f"{SNIPPET}\n\nclass Other(nn.Module):\n    def __init__(self, n): pass\n")) == [
        "Other"
    ]


SNIPPET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x):
        return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
"""
