"""Choices that are told and are no mistakes: which of them a class follows, alone, and what a declaration changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.errors import UserError
from bnlab.verification.checks import FAIL, PASS, WITH_CONVENTIONS
from bnlab.verification.conventions import CONVENTIONS, Declared
from bnlab.verification.verdict import verify_class
from tests.verification.gallery import FilterResponseAlone, FloorRMSNorm, LengthNorm, LengthNormPerFeature
from tests.verification.planted import (
    LayerNormEpsOutside,
    LayerNormUnbiased,
    OneGamma,
    RMSNormOfThePaper,
    StoresBiased,
    WithoutStatistics,
)
from tests.verification.planted_facts import RenormOfVariances
from tests.verification.planted_more import BetaRandom, FRNFromMinusOne, GammaFromZero
from tests.verification.textbook import BatchNorm, GroupNorm, Plain, RMSNorm, fit


class WithoutGamma(Plain):
    """γ alone is left out."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.beta = nn.Parameter(torch.zeros(num_features))

    def affine(self, x_hat: Tensor) -> Tensor:
        return x_hat + fit(self.beta, x_hat)


class OldByDefault(BatchNorm):
    """Its default says which value its momentum weighs."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.99) -> None:
        super().__init__(num_features, eps, momentum)

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.momentum, m = 1 - self.momentum, self.momentum
        super().update(x, mean, var)
        self.momentum = m


class OldUnsaid(OldByDefault):
    """As above, by a default that says nothing."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)


class Average(BatchNorm):
    """The paper's algorithm 2: the statistics of evaluation are averages over the training batches."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__(num_features, eps)
        self.batches = 0

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.batches += 1
        self.momentum = 1 / self.batches
        super().update(x, mean, var)


class Stateless(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.ndim))
        var, mean = torch.var_mean(x, axes, unbiased=False, keepdim=True)
        return fit(self.gamma, x) * (x - mean) * torch.rsqrt(var + self.eps) + fit(self.beta, x)


class Renamed(BatchNorm):
    """Its statistics are called m and s."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.register_buffer("s", torch.ones(num_features))
        self.register_buffer("m", torch.zeros(num_features))
        del self.running_mean, self.running_var

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__({"running_mean": "m", "running_var": "s"}.get(name, name))

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        n = x.numel() // x.shape[1]
        self.m.lerp_(mean, self.momentum)
        self.s.lerp_(var * n / (n - 1), self.momentum)


class ChannelsLast(nn.Module):
    """(N, ..., C) alone."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.inner = nn.BatchNorm1d(num_features, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.inner.num_features:
            raise ValueError("features are on the last axis")
        y: Tensor = self.inner(x.reshape(-1, x.shape[-1])).reshape(x.shape)
        return y


class ForEachValue(nn.Module):
    """For images of one size."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.ones(channels, 2, 3)), nn.Parameter(torch.zeros(channels, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.eps)


class OfTokens(nn.Module):
    """(N, L, C) alone."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.inner = nn.BatchNorm1d(num_features, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x.permute(0, 2, 1)).permute(0, 2, 1)
        return y


class OverLastAxis(nn.Module):
    """No parameters, so that it runs on (N, C, L) as well."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.eps)


class PerPosition(nn.Module):
    def __init__(self, num_channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        var = (x - mean).pow(2).mean(1, keepdim=True)
        return fit(self.weight, x) * (x - mean) / torch.sqrt(var + self.eps) + fit(self.bias, x)


class ZeroCentredGamma(RMSNorm):
    def __init__(self, hidden_size: int, eps: float = 1e-6) -> None:
        super().__init__(hidden_size, eps)
        nn.init.zeros_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return (1 + self.weight) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


class WithBeta(RMSNorm):
    def __init__(self, hidden_size: int, eps: float = 1e-6) -> None:
        super().__init__(hidden_size, eps)
        self.bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias


class ByNormalize(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.g, self.scale = nn.Parameter(torch.ones(dim)), dim**0.5

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.normalize(x, dim=-1) * self.scale * self.g
        return y


class Ghosts(BatchNorm):
    """x.split: the rest is a ghost."""

    def __init__(self, num_features: int, virtual_batch_size: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.virtual_batch_size = virtual_batch_size

    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        parts: tuple[Tensor, ...] = x.split(self.virtual_batch_size)
        return parts

    def forward(self, x: Tensor) -> Tensor:
        whole = super().forward
        y: Tensor = torch.cat([whole(part) for part in self.parts(x)]) if self.training else whole(x)
        return y


class GhostChunks(Ghosts):
    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        parts: tuple[Tensor, ...] = x.chunk(-(-len(x) // self.virtual_batch_size))
        return parts


class GhostsOnly(Ghosts):
    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.view(-1, self.virtual_batch_size, *x.shape[1:]))


class GhostStep(Ghosts):
    """One step for all ghosts."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        kept = [(self.running_mean.clone(), self.running_var.clone())]
        outputs = []
        for part in self.parts(x):
            outputs.append(BatchNorm.forward(self, part))
            kept.append((self.running_mean, self.running_var))
            self.running_mean, self.running_var = kept[0]
        self.running_mean, self.running_var = (torch.stack([pair[i] for pair in kept[1:]]).mean(0) for i in (0, 1))
        return torch.cat(outputs)


class SplitStatistics(nn.BatchNorm2d):
    """Each of so many ghosts has its own; every k-th sample is of one ghost."""

    def __init__(self, num_features: int, num_splits: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.num_splits = num_splits
        self.register_buffer("running_mean", torch.zeros(num_features * num_splits))
        self.register_buffer("running_var", torch.ones(num_features * num_splits))

    def train(self, mode: bool = True) -> SplitStatistics:
        if self.training and not mode:
            for name in ("running_mean", "running_var"):
                kept = getattr(self, name)
                kept.copy_(kept.view(self.num_splits, -1).mean(0).repeat(self.num_splits))
        super().train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        self._check_input_dim(x)
        n, c, h, w = x.shape
        assert self.running_mean is not None
        assert self.running_var is not None
        if self.training:
            weight, bias = self.weight.repeat(self.num_splits), self.bias.repeat(self.num_splits)
            x = x.reshape(-1, c * self.num_splits, h, w)
            y = F.batch_norm(x, self.running_mean, self.running_var, weight, bias, True, self.momentum or 0.0, self.eps)
            return y.reshape(n, c, h, w)
        return F.batch_norm(x, self.running_mean[:c], self.running_var[:c], self.weight, self.bias, False, 0, self.eps)


class Renorm(nn.Module):
    """Bounds that grow with the steps, by a schedule of its own."""

    running_mean: Tensor
    running_std: Tensor
    steps: Tensor

    def __init__(self, num_features: int, eps: float = 1e-3, momentum: float = 0.01) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_std", torch.ones(num_features))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        mean, std = self.running_mean, self.running_std
        if self.training:
            axes = (0, *range(2, x.ndim))
            new_mean, new_std = x.mean(axes), (x.var(axes, unbiased=False) + self.eps).sqrt()
            r_max, d_max = 1 + float(self.steps) / 1e9, float(self.steps) / 1e9
            r = (new_std / std).detach().clamp(1 / r_max, r_max)
            d = ((new_mean - mean) / std).detach().clamp(-d_max, d_max)
            x_hat = (x - fit(new_mean, x)) / fit(new_std, x) * fit(r, x) + fit(d, x)
            self.running_mean = mean + self.momentum * (new_mean.detach() - mean)
            self.running_std = std + self.momentum * (new_std.detach() - std)
        else:
            x_hat = (x - fit(mean, x)) / fit(std, x)
        return fit(self.weight, x) * x_hat + fit(self.bias, x)


class Switch(nn.Module):
    """Its logits start at 1; (N, C) only."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.mean_weight, self.var_weight = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.zeros(num_features) + 1)

    def forward(self, x: Tensor) -> Tensor:
        assert x.ndim == 2
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, 0, unbiased=False)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach()
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var.detach()
        own_var, own_mean = torch.var_mean(x, 1, unbiased=False, keepdim=True)
        a, b = self.shares(self.mean_weight), self.shares(self.var_weight)
        x_hat = (x - a[0] * own_mean - a[1] * mean) / torch.sqrt(b[0] * own_var + b[1] * var + self.eps)
        return self.weight * x_hat + self.bias

    def shares(self, logits: Tensor) -> Tensor:
        return logits.softmax(0)


class LengthInside(LengthNorm):
    """ε under the root."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.g * x / (x.square().sum(-1, keepdim=True) + self.eps).sqrt()
        return y


class DrawsItsWeight(nn.Module):
    """A weight-normalized layer of its own, whose g starts at 1."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.v, self.g = nn.Parameter(torch.randn(out_features, in_features)), nn.Parameter(torch.ones(out_features, 1))
        self.bias = nn.Parameter(torch.ones(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.g * self.v / self.v.norm(dim=1, keepdim=True), self.bias)


class WarmRenorm(RenormOfVariances):
    """It is batch normalization for ten steps."""

    steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.r_max, self.d_max = (1.0, 0.0) if self.steps < 10 else (3.0, 5.0)
        self.steps += int(self.training)
        return super().forward(x)


class SwitchOfTheBatchFirst(Switch):
    """The logits of the batch come before those of the sample, and start at 0."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.mean_weight, self.var_weight = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    def shares(self, logits: Tensor) -> Tensor:
        return logits.softmax(0).flip(0)


class StandardizedWithGain(nn.Linear):
    """Weight standardization with a gain of each unit, that starts at the root of 1 / inputs."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, eps: float = 1e-5) -> None:
        super().__init__(in_features, out_features, bias)
        self.eps, self.gain = eps, nn.Parameter(torch.ones(out_features, 1) * in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(self.weight, 1, correction=0, keepdim=True)
        return nn.functional.linear(x, self.gain * (self.weight - mean) / torch.sqrt(var + self.eps), self.bias)


class OfFrames(nn.Module):
    """Instance normalization of sequences (N, L, C), over the second axis alone; it runs on images too."""

    def __init__(self, feature_dim: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps, self.gamma = eps, nn.Parameter(torch.ones(feature_dim))
        self.beta = nn.Parameter(torch.zeros(feature_dim))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        return (x - mean) / torch.sqrt(var + self.eps) * self.gamma + self.beta


FOLLOWED: list[tuple[type[nn.Module], str, dict[str, Any], set[str]]] = [
    (DrawsItsWeight, "weight_norm", {}, {"g that starts at 1"}),
    (StandardizedWithGain, "weight_standardization", {}, {"gain of each unit", "eps under the root"}),
    (OfFrames, "instance", {}, {"channels last"}),
    (nn.BatchNorm1d, "batch", {"affine": False}, {"no gamma and beta"}),
    (Plain, "batch", {}, {"no gamma and beta"}),
    (WithoutGamma, "batch", {}, {"no gamma"}),
    (nn.LayerNorm, "layer", {"bias": False}, {"no beta"}),
    (nn.RMSNorm, "rms", {"elementwise_affine": False}, {"no gamma"}),
    (StoresBiased, "batch", {}, {"stored variance biased"}),
    (LayerNormEpsOutside, "layer", {}, {"eps outside"}),
    (RMSNormOfThePaper, "rms", {}, {"eps outside"}),
    (LayerNormUnbiased, "layer", {}, {"eps outside", "unbiased variance normalizes"}),
    (Stateless, "batch", {}, {"no running statistics"}),
    (ZeroCentredGamma, "rms", {}, {"one added to gamma"}),
    (WithBeta, "rms", {}, {"beta beside gamma"}),
    (OldByDefault, "batch", {}, {"momentum of the old value"}),
    (Average, "batch", {}, {"average over all batches"}),
    (nn.BatchNorm1d, "batch", {"track_running_stats": False}, {"no running statistics"}),
    (Renamed, "batch", {}, set()),
    (ChannelsLast, "batch", {}, set()),
    (OfTokens, "batch", {}, {"channels last"}),
    (nn.BatchNorm3d, "batch", {}, {"volumes"}),
    (ForEachValue, "layer", {}, {"gamma for each value", "beta for each value"}),
    (OverLastAxis, "rms", {}, {"no gamma"}),
    (PerPosition, "layer", {}, {"statistics for each position"}),
    (ByNormalize, "rms", {}, {"eps of F.normalize"}),
    (Ghosts, "ghost_batch", {}, {"rest is a ghost"}),
    (GhostChunks, "ghost_batch", {}, {"ghosts of torch.chunk"}),
    (GhostsOnly, "ghost_batch", {}, {"rest refused"}),
    (GhostStep, "ghost_batch", {}, {"rest is a ghost", "one step for all ghosts"}),
    (
        SplitStatistics,
        "ghost_batch",
        {},
        {"split statistics", "ghosts of every k-th sample", "rest in a way of its own"},
    ),
    (Renorm, "batch_renorm", {}, {"schedule of its own"}),
    (Switch, "switchable", {}, {"logits that start equal"}),
    (SwitchOfTheBatchFirst, "switchable", {}, {"logits in another order"}),
    (WarmRenorm, "batch_renorm", {}, {"schedule of its own", "variance kept"}),
    (LengthInside, "scale_norm", {}, {"eps under the root"}),
    (
        LengthNormPerFeature,
        "scale_norm",
        {},
        {"g in units of √C"},
    ),
    (FilterResponseAlone, "frn", {}, {"eps not learned", "no threshold"}),
    (OneGamma, "batch", {}, {"one gamma for all", "one beta for all"}),
    (GammaFromZero, "batch", {}, {"own start"}),
    (BetaRandom, "batch", {}, {"own start"}),
    (FRNFromMinusOne, "frn", {}, {"own start"}),
    (FloorRMSNorm, "rms", {}, {"eps as a floor"}),
    (RenormOfVariances, "batch_renorm", {}, {"variance kept"}),
]
"""Class, scheme, arguments, and the conventions that it follows: these and no other, and nothing is wrong."""


@pytest.mark.parametrize(
    ("cls", "scheme", "kwargs", "expected"), FOLLOWED, ids=[f"{cls.__name__}-{scheme}" for cls, scheme, *_ in FOLLOWED]
)
def test_a_convention_is_told_and_is_no_mistake(
    cls: type[nn.Module], scheme: str, kwargs: dict[str, Any], expected: set[str]
) -> None:
    verdict = verify_class(cls, scheme, kwargs)
    assert [diagnosis.text for diagnosis in verdict.diagnoses] == []
    assert set(verdict.conventions) == expected
    assert verdict.outcome == (WITH_CONVENTIONS if expected else PASS)


def test_every_convention_is_followed_by_a_class() -> None:
    assert {name for *_, expected in FOLLOWED for name in expected} == set(CONVENTIONS)


DECLARED: list[tuple[type[nn.Module], str, Declared, str]] = [
    (Plain, "batch", Declared(affine=True), FAIL),
    (nn.BatchNorm1d, "batch", Declared(affine=False), WITH_CONVENTIONS),
    (nn.BatchNorm1d, "batch", Declared(affine=True), PASS),
    (OldUnsaid, "batch", Declared(), FAIL),
    (OldUnsaid, "batch", Declared(momentum="old"), WITH_CONVENTIONS),
    (OldByDefault, "batch", Declared(momentum="new"), FAIL),
    (WithoutStatistics, "batch", Declared(), FAIL),
    (WithoutStatistics, "batch", Declared(running_stats=False), WITH_CONVENTIONS),
    (ChannelsLast, "batch", Declared(layout="channels-last"), WITH_CONVENTIONS),
    (nn.LayerNorm, "layer", Declared(layout="channels-last"), PASS),
    (OverLastAxis, "rms", Declared(layout="channels-first"), FAIL),
]


@pytest.mark.parametrize(("cls", "scheme", "declared", "outcome"), DECLARED)
def test_what_is_declared_decides(cls: type[nn.Module], scheme: str, declared: Declared, outcome: str) -> None:
    assert verify_class(cls, scheme, {}, declared).outcome == outcome


def test_what_is_declared_is_checked() -> None:
    with pytest.raises(UserError, match=r"^unknown layout 'last'; allowed: channels-first, channels-last\."):
        Declared(layout="last")


def test_a_group_of_its_own_is_no_convention() -> None:
    assert verify_class(GroupNorm, "group").outcome == PASS
