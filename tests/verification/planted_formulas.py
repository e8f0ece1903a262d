"""Layers with one mistake each, of schemes whose formula is no standardization, or of several numbers of groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verification.gallery import NewtonNorm, SharesNorm2d, SpectralWrapper, SwishGroupNorm, TanhNorm
from tests.verification.textbook import BatchNorm, fit

Planted = tuple[type[nn.Module], str, tuple[str, ...]]


class _Tanh(nn.Module):
    """With `self.of(x)` between γ and β."""

    def __init__(self, num_features: int, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1) * alpha)
        self.gamma, self.beta = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def of(self, x: Tensor) -> Tensor:
        return torch.tanh(self.alpha * x)

    def affine(self, y: Tensor) -> Any:
        return fit(self.gamma, y) * y + fit(self.beta, y)

    def forward(self, x: Tensor) -> Any:
        return self.affine(self.of(x))


class _Erf(_Tanh):
    def __init__(self, num_features: int, alpha: float = 0.5) -> None:
        super().__init__(num_features, alpha)
        self.shift = nn.Parameter(torch.zeros(1))

    def of(self, x: Tensor) -> Tensor:
        return torch.erf(self.alpha * (x + self.shift))


class _Length(nn.Module):
    """Weight normalization around a linear layer or a convolution."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer
        weight = layer.weight.detach().clone()
        self.v, self.g = nn.Parameter(weight), nn.Parameter(weight.flatten(1).norm(dim=1))
        del layer.weight

    def weight(self, v: Tensor) -> Any:
        return self.g[:, None] * v / v.norm(dim=1, keepdim=True)

    def forward(self, x: Tensor) -> Any:
        self.layer.weight = self.weight(self.v.flatten(1)).view_as(self.v)
        return self.layer(x)


class _Standard(nn.Linear):
    """Weight standardization."""

    def standard(self, w: Tensor) -> Tensor:
        return (w - w.mean(1, keepdim=True)) / (w.std(1, unbiased=False, keepdim=True) + 1e-5)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.standard(self.weight), self.bias)


class _Scaled(_Standard):
    """Scaled weight standardization."""

    def __init__(self, n_in: int, n_out: int, bias: bool = True, gain: float = 1.5, eps: float = 1e-3) -> None:
        super().__init__(n_in, n_out, bias)
        self.gain, self.eps = gain, eps


def _variant(base: type[nn.Module], scheme: str, mistakes: str | tuple[str, ...], **methods: Any) -> Planted:
    names = (mistakes,) if isinstance(mistakes, str) else mistakes
    return type("".join(names[0].title().split()) + base.__name__, (base,), methods), scheme, names


def _whitened(covariance: Any = None, eps: float | None = None, trace: float = 0.5, old: bool = False) -> Any:
    def forward(self: Any, x: Tensor) -> Any:
        rows = x.movedim(1, 0).flatten(1)
        mean, wm = self.running_mean, self.running_wm
        if self.training or covariance in ("evaluated", "moved"):
            mean = rows.mean(1)
            rest, eye = rows - mean[:, None], torch.eye(len(rows), dtype=x.dtype)
            n = rest.shape[1] - (covariance == "unbiased")
            sigma = rest @ rest.T / n + (self.eps if eps is None else eps) * eye
            p = eye
            for _ in range(self.T):
                p = self.step(p, sigma / sigma.trace())
            wm = p / sigma.trace() ** trace
        if self.training or covariance == "moved":
            weight = 1 - self.momentum if old else self.momentum
            with torch.no_grad():
                self.running_mean.lerp_(mean, weight)
                self.running_wm.lerp_(wm, weight)
        if covariance == "running" or not (self.training or covariance == "evaluated"):
            mean, wm = self.running_mean.clone(), self.running_wm.clone()
        y = self.weight[:, None] * (wm @ (rows - mean[:, None])) + self.bias[:, None]
        return y.unflatten(1, (len(x), *x.shape[2:])).movedim(0, 1)

    return forward


def _of_the_first(self: Any, x: Tensor, mean: Tensor, var: Tensor) -> None:
    n = x.numel() // x.shape[1]
    weight = self.momentum if hasattr(self, "begun") else 1.0
    self.begun = True
    self.running_mean = (1 - weight) * self.running_mean + weight * mean
    self.running_var = (1 - weight) * self.running_var + weight * var * n / (n - 1)


def _by_the_updated(self: Any, x: Tensor) -> Tensor:
    if self.training:
        self.update(x, *self.statistics(x))
    y: Tensor = self.affine(self.normalize(x, self.running_mean, self.running_var))
    self.running_mean, self.running_var = self.running_mean.detach(), self.running_var.detach()
    return y


class _Alone(SwishGroupNorm):
    def forward(self, x: Tensor) -> Any:
        shape = (1, -1, *(1,) * (x.dim() - 2))
        parts = x.reshape(len(x), self.groups, -1)
        std = (parts.var(-1, unbiased=False, keepdim=True) + self.eps).sqrt()
        gated = torch.sigmoid(self.v.view(shape) * x).reshape(parts.shape)
        return gated.div(std).view_as(x) * self.gamma.view(shape) + self.beta.view(shape)


def _iterating(self: Any, x: Tensor) -> Any:
    """Power iteration in both modes."""
    w = self.weight_bar.flatten(1)
    with torch.no_grad():
        v = F.normalize(w.T @ self.u, dim=0)
        self.u.copy_(F.normalize(w @ v, dim=0))
    self.layer.weight = self.weight_bar / self.length(w, v)
    return self.layer(x)


def _overwriting(self: Any, x: Tensor) -> Any:
    self.weight.data = self.standard(self.weight.detach())
    return F.linear(x, self.weight, self.bias)


class _Shares(SharesNorm2d):
    """Switchable normalization in three dimensions, as in the paper, with mistakes in the mixture."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.9) -> None:
        super().__init__(num_features, eps, momentum)  # type: ignore[no-untyped-call]
        self.running_var.fill_(1)

    def shares(self, logits: Tensor) -> Tensor:
        return logits.softmax(0)

    def variances(self, x: Tensor) -> list[Tensor]:
        return [x.var(axes, correction=0, keepdim=True) for axes in ((2, 3), (1, 2, 3), (0, 2, 3))]

    def forward(self, x: Tensor) -> Tensor:
        means: list[Tensor] = [x.mean(axes, keepdim=True) for axes in ((2, 3), (1, 2, 3), (0, 2, 3))]
        variances = self.variances(x)
        if self.training:
            with torch.no_grad():
                self.running_mean.mul_(self.momentum).add_((1 - self.momentum) * means[2].reshape(-1, 1))
                self.running_var.mul_(self.momentum).add_((1 - self.momentum) * variances[2].reshape(-1, 1))
        else:
            means[2], variances[2] = (each.view(1, -1, 1, 1) for each in (self.running_mean, self.running_var))
        mean = sum(w * m for w, m in zip(self.shares(self.mean_weight), means, strict=True))
        var = sum(w * v for w, v in zip(self.shares(self.var_weight), variances, strict=True))
        y: Tensor = (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias
        return y


class _EachUnbiased(_Shares):
    """Unbiased variances, and a running one that starts at 0."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.9) -> None:
        super().__init__(num_features, eps, momentum)
        self.running_var.zero_()

    def variances(self, x: Tensor) -> list[Tensor]:
        return [x.var(axes, keepdim=True) for axes in ((2, 3), (1, 2, 3), (0, 2, 3))]


def _averages(self: Any, x: Tensor) -> list[Tensor]:
    own = x.var((2, 3), correction=0, keepdim=True)
    return [own, own.mean(1, keepdim=True), own.mean(0, keepdim=True)]


def _std(w: Tensor, unbiased: bool = False) -> Any:
    return w.std(1, unbiased=unbiased, keepdim=True)


def _centred(w: Tensor) -> Any:
    return w - w.mean(1, keepdim=True)


def _squares(w: Tensor) -> Any:
    return _centred(w).square().sum(1, keepdim=True)


_NAMED = "weight_standardization"

FORMULAS: list[Planted] = [
    _variant(_Tanh, "dyt", "beta missing", affine=lambda self, y: fit(self.gamma, y) * y),
    _variant(_Tanh, "dyt", "gamma missing", affine=lambda self, y: y + fit(self.beta, y)),
    _variant(_Tanh, "dyt", "affine missing", affine=lambda self, y: y),
    _variant(_Tanh, "dyt", "beta subtracted", affine=lambda self, y: fit(self.gamma, y) * y - fit(self.beta, y)),
    _variant(_Tanh, "dyt", "alpha missing", of=lambda self, x: x.tanh()),
    _variant(_Tanh, "dyt", "alpha outside", of=lambda self, x: self.alpha * x.tanh()),
    _variant(_Tanh, "dyt", "alpha divides", of=lambda self, x: (x / self.alpha).tanh()),
    _variant(_Tanh, "dyt", "nothing is squashed", of=lambda self, x: self.alpha * x),
    _variant(_Tanh, "dyt", "sigmoid instead of tanh", of=lambda self, x: (self.alpha * x).sigmoid()),
    _variant(_Erf, "derf", "alpha times the shift"),
    _variant(NewtonNorm, "iter_norm", "unbiased covariance", forward=_whitened("unbiased")),
    _variant(NewtonNorm, "iter_norm", "eps missing", forward=_whitened(eps=0.0)),
    _variant(NewtonNorm, "iter_norm", "trace not taken back", forward=_whitened(trace=0.0)),
    _variant(NewtonNorm, "iter_norm", "root of the trace missing", forward=_whitened(trace=1.0)),
    _variant(NewtonNorm, "iter_norm", "updated in evaluation too", forward=_whitened("moved")),
    _variant(NewtonNorm, "iter_norm", "training by running statistics", forward=_whitened("running")),
    _variant(NewtonNorm, "iter_norm", "momentum inverted", forward=_whitened(old=True)),
    _variant(NewtonNorm, "iter_norm", "evaluation by batch statistics", forward=_whitened("evaluated")),
    _variant(
        SpectralWrapper,
        "spectral_norm",
        "Frobenius norm instead of the largest singular value",
        length=lambda self, w, v: w.norm(),
    ),
    _variant(
        SpectralWrapper,
        "spectral_norm",
        "divided by the square of the largest singular value",
        length=lambda self, w, v: (self.u.clone() @ w @ v) ** 2,
    ),
    _variant(
        SpectralWrapper,
        "spectral_norm",
        "largest singular value detached",
        length=lambda self, w, v: (self.u.clone() @ w @ v).detach(),
    ),
    _variant(SpectralWrapper, "spectral_norm", "evaluation changes the layer", forward=_iterating),
    _variant(SpectralWrapper, "spectral_norm", "nothing is normalized", length=lambda self, w, v: 1.0),
    _variant(_Length, "weight_norm", "nothing is normalized", weight=lambda self, v: self.g[:, None] * v),
    _variant(_Standard, _NAMED, "nothing is normalized", standard=lambda self, w: w),
    _variant(_Length, "weight_norm", "one length for all units", weight=lambda self, v: self.g[:, None] * v / v.norm()),
    _variant(
        _Length, "weight_norm", "length of each input", weight=lambda self, v: self.g[:, None] * F.normalize(v, dim=0)
    ),
    _variant(
        _Length,
        "weight_norm",
        "divided by the squared length",
        weight=lambda self, v: self.g[:, None] * v / (v * v).sum(1, keepdim=True),
    ),
    _variant(_Length, "weight_norm", "g missing", weight=lambda self, v: F.normalize(v, dim=1)),
    _variant(
        _Length,
        "weight_norm",
        "eps added to the length",
        weight=lambda self, v: self.g[:, None] * v / (v.norm(dim=1, keepdim=True) + 1e-3),
    ),
    _variant(
        _Standard,
        _NAMED,
        "unbiased variance normalizes",
        standard=lambda self, w: _centred(w) / (_std(w, unbiased=True) + 1e-5),
    ),
    _variant(_Standard, _NAMED, "mean not taken off", standard=lambda self, w: w / (_std(w) + 1e-5)),
    _variant(
        _Standard,
        _NAMED,
        "one mean for all units",
        standard=lambda self, w: (w - w.mean()) / (w.std(unbiased=False) + 1e-5),
    ),
    _variant(
        _Standard,
        _NAMED,
        "statistics of each input",
        standard=lambda self, w: (w - w.mean(0)) / (w.std(0, unbiased=False) + 1e-5),
    ),
    _variant(
        _Standard,
        _NAMED,
        "statistics detached",
        standard=lambda self, w: (w - w.mean(1, keepdim=True).detach()) / (_std(w).detach() + 1e-5),
    ),
    _variant(
        _Scaled,
        f"scaled_{_NAMED}",
        "fan-in left out",
        standard=lambda self, w: self.gain * _centred(w) * (_squares(w) / w.shape[1]).clamp(min=self.eps).rsqrt(),
    ),
    _variant(BatchNorm, "batch", "running statistics start at the first batch's", update=_of_the_first),
    _variant(
        BatchNorm, "batch", "training by updated running statistics", update=_of_the_first, forward=_by_the_updated
    ),
    _variant(
        BatchNorm,
        "batch",
        "divided by the root of the deviation",
        normalize=lambda self, x, mean, var: (x - fit(mean, x)) / (fit(var, x).sqrt() + self.eps).sqrt(),
    ),
    _variant(
        BatchNorm,
        "batch",
        "eps and a constant",
        normalize=lambda self, x, mean, var: (x - fit(mean, x)) / (fit(var, x) + self.eps + 1e-5).sqrt(),
    ),
    _variant(_Standard, _NAMED, "parameter overwritten", forward=_overwriting),
    _variant(
        _Standard,
        _NAMED,
        "eps under the root",
        standard=lambda self, w: _centred(w) / torch.sqrt(w.var(1, correction=0, keepdim=True) + 1e-3),
    ),
    _variant(_Shares, "switchable", "softmax missing", shares=lambda self, logits: logits),
    _variant(_Shares, "switchable", "softmax twice", shares=lambda self, logits: logits.softmax(0).softmax(0)),
    _variant(_Shares, "switchable", "variances averaged", variances=_averages),
    _variant(_EachUnbiased, "switchable", ("running variance starts at 0", "unbiased variance normalizes")),
    _variant(SwishGroupNorm, "evonorm_s0", "sigmoid missing", gate=lambda self, x, v: torch.ones_like(x)),
    _variant(SwishGroupNorm, "evonorm_s0", "v missing", gate=lambda self, x, v: x.sigmoid()),
    _variant(_Alone, "evonorm_s0", "x missing"),
]
"""Class, scheme and the diagnoses that are expected, as in planted.py."""

RIGHT: list[tuple[type[nn.Module], str]] = [
    (TanhNorm, "dyt"),
    (_Tanh, "dyt"),
    (_Length, "weight_norm"),
    (_Standard, _NAMED),
]
"""What the mistakes are made in."""
