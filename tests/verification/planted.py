"""Layers with one mistake each, as a student would write it, and its name in bnlab/verification/mistakes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.verification.planted_more import GRADIENTS, MORE
from tests.verification.textbook import Backward, BatchNorm, GroupNorm, LayerNorm, fit


class StoresBiased(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var


class KerasMomentum(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        n = x.numel() // x.shape[1]
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var * n / (n - 1)


class FixedMomentum(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.momentum = 0.01
        super().update(x, mean, var)


class EpsOutside(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / (fit(var, x).sqrt() + self.eps)


class EpsForgotten(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / fit(var, x).sqrt()


class EpsFixed(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / torch.sqrt(fit(var, x) + 1e-5)


class Unbiased(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(self.axes(x)), x.var(self.axes(x))

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum)


class DividesByVariance(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / (fit(var, x) + self.eps)


class Shortcut(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.mean(self.axes(x))
        return mean, (x * x).mean(self.axes(x)) - mean * mean


class Detached(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            return super().statistics(x)


class VarianceDetached(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().statistics(x)
        return mean, var.detach()


class MeanDetached(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().statistics(x)
        return mean.detach(), var


class ModeIgnored(BatchNorm):
    def by_batch(self) -> bool:
        return True

    def updates(self) -> bool:
        return True


class EvalByBatch(BatchNorm):
    def by_batch(self) -> bool:
        return True


class TrainByRunning(BatchNorm):
    def by_batch(self) -> bool:
        return False

    def forward(self, x: Tensor) -> Tensor:
        y = self.affine(self.normalize(x, self.running_mean, self.running_var))
        if self.training:
            with torch.no_grad():
                self.update(x, *self.statistics(x))
        return y


class TrainByUpdated(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.update(x, *self.statistics(x))
        y = self.affine(self.normalize(x, self.running_mean, self.running_var))
        self.running_mean, self.running_var = self.running_mean.detach(), self.running_var.detach()
        return y


class NeverUpdated(BatchNorm):
    def updates(self) -> bool:
        return False


class UpdatedInEval(BatchNorm):
    def updates(self) -> bool:
        return True


class VarianceFromZero(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.running_var = torch.zeros(num_features)


class StoresDeviation(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var.sqrt()


class OverFeatures(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(1, x.ndim))
        mean, var = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        return self.affine((x - mean) / torch.sqrt(var + self.eps))


class NoDim(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        return self.affine((x - x.mean()) / torch.sqrt(x.var(unbiased=False) + self.eps))


class SpaceForgotten(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.affine(self.normalize(x, self.running_mean, self.running_var))
        super().forward(x)
        return self.affine((x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + self.eps))


class NotCentred(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return x / torch.sqrt(fit(mean**2 + var, x) + self.eps)


class Swapped(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.beta, x_hat) * x_hat + fit(self.gamma, x_hat)


class NotAffine(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return x_hat


class NoBeta(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.gamma, x_hat) * x_hat


class NoGamma(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return x_hat + fit(self.beta, x_hat)


class InPlace(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return x.sub_(fit(mean, x)).div_(torch.sqrt(fit(var, x) + self.eps))


class PlainAttributes(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.running_mean, self.running_var
        self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)


class KeepsGraph(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.update(x, *self.statistics(x))
        mean, var = self.statistics(x) if self.training else (self.running_mean, self.running_var)
        return self.affine(self.normalize(x, mean, var))


class PlainGamma(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.gamma
        self.gamma = torch.ones(num_features, requires_grad=True)  # type: ignore[assignment]


class WithoutStatistics(nn.Module):
    """Its momentum is never used."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + self.eps) + self.beta


class ByHand(BatchNorm):
    """(N, C) with the gradients of `function`; correct with `Backward` itself."""

    function: type[Backward] = Backward

    def forward(self, x: Tensor) -> Tensor:
        assert x.ndim == 2
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            self.update(x, *self.statistics(x))
        y: Tensor = self.function.apply(x, self.gamma, self.beta, self.eps)
        return y


def with_gradients(change: Any) -> type[ByHand]:
    """`ByHand`, its three gradients replaced by change(g, x, x_hat, gamma, rstd, right gradients)."""

    class Wrong(Backward):
        @classmethod
        def gradients(cls, g: Tensor, x: Tensor, x_hat: Tensor, gamma: Tensor, rstd: Tensor) -> tuple[Tensor, ...]:
            right = super().gradients(g, x, x_hat, gamma, rstd)
            changed: tuple[Tensor, ...] = change(g, x, x_hat, gamma, rstd, right)
            return changed

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
            return Wrong.run_backward(ctx, g)

    return type("ByHandWrong", (ByHand,), {"function": Wrong})


GammaMean = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0], (g * x_hat).mean(0), right[2]))
GammaLast = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0], (g * x_hat)[-1], right[2]))
GammaFirst = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0], (g * x_hat)[0], right[2]))
GammaOfX = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0], (g * x).sum(0), right[2]))
BetaMean = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0], right[1], g.mean(0)))
BetaLast = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0], right[1], g[-1]))
WithoutGamma = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (right[0] / gamma, right[1], right[2]))
NoTerms = with_gradients(lambda g, x, x_hat, gamma, rstd, right: (rstd * g * gamma, right[1], right[2]))


class LayerNormUnbiased(LayerNorm):
    """The Annotated Transformer's own program: torch.std, and eps outside."""

    def forward(self, x: Tensor) -> Tensor:
        return self.a_2 * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + self.eps) + self.b_2


class LayerNormEpsOutside(LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        std = x.std(-1, unbiased=False, keepdim=True)
        return self.a_2 * (x - x.mean(-1, keepdim=True)) / (std + self.eps) + self.b_2


class LayerNormOverBatch(LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return self.a_2 * (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + self.eps) + self.b_2


class OneGamma(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.gamma, self.beta = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))


class RMSNormOfThePaper(nn.Module):
    def __init__(self, features: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.scale, self.eps = nn.Parameter(torch.ones(features)), eps

    def forward(self, x: Tensor) -> Tensor:
        rms: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * x.shape[-1] ** -0.5
        return self.scale * x / (rms + self.eps)


class RMSNormCentred(RMSNormOfThePaper):
    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean(-1, keepdim=True)
        return self.scale * x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps)


class GroupNormOfOneGroup(GroupNorm):
    def forward(self, x: Tensor) -> Tensor:
        self.num_groups = 1
        return super().forward(x)


class WrongWay(BatchNorm):
    """(n−1)/n for n/(n−1)."""

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        n = x.numel() // x.shape[1]
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var * (n - 1) / n


class PerSample(BatchNorm):
    """Spatial inputs only."""

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(2, x.ndim))
        if not axes:
            raise ValueError("spatial inputs only")
        mean, var = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        return self.affine((x - mean) / torch.sqrt(var + self.eps))


class PlainBeta(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.beta
        self.beta = torch.zeros(num_features, requires_grad=True)  # type: ignore[assignment]


class GrowingStatistics(BatchNorm):
    """LayerNorm's axes, and running statistics that take the batch's shape."""

    def forward(self, x: Tensor) -> Tensor:
        mean, var = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
        if self.training:
            with torch.no_grad():
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        return self.affine((x - mean) / torch.sqrt(var + self.eps))


class LayerNormTooWide(GroupNorm):
    """The batch and all channels share one mean."""

    def __init__(self, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__(1, num_channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        x_hat = (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + self.eps)
        return x_hat * fit(self.weight, x) + fit(self.bias, x)


class LayerNormPerChannel(LayerNormTooWide):
    """Spatial inputs only."""

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            raise ValueError("spatial inputs only")
        mean, var = x.flatten(2).mean(-1), x.flatten(2).var(-1, unbiased=False)
        shape = (*mean.shape, *(1,) * (x.ndim - 2))
        x_hat = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + self.eps)
        return x_hat * fit(self.weight, x) + fit(self.bias, x)


class Two(EpsOutside):
    """Two mistakes at once."""

    update = StoresBiased.update


class Three(Two):
    """Three."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().statistics(x)
        return mean, var.detach()


PLANTED: list[tuple[type[nn.Module], str, tuple[str, ...]]] = [
    (StoresBiased, "batch", ("stored variance biased",)),
    (KerasMomentum, "batch", ("momentum inverted",)),
    (FixedMomentum, "batch", ("momentum fixed",)),
    (EpsOutside, "batch", ("eps outside",)),
    (EpsForgotten, "batch", ("eps missing",)),
    (EpsFixed, "batch", ("eps fixed",)),
    (Unbiased, "batch", ("unbiased variance normalizes",)),
    (DividesByVariance, "batch", ("divided by the variance",)),
    (Shortcut, "batch", ("shortcut variance",)),
    (Detached, "batch", ("statistics detached",)),
    (VarianceDetached, "batch", ("variance detached",)),
    (MeanDetached, "batch", ("mean detached",)),
    (ModeIgnored, "batch", ("mode ignored",)),
    (EvalByBatch, "batch", ("evaluation by batch statistics",)),
    (TrainByRunning, "batch", ("training by running statistics",)),
    (TrainByUpdated, "batch", ("training by updated running statistics",)),
    (NeverUpdated, "batch", ("running statistics never updated",)),
    (UpdatedInEval, "batch", ("running statistics updated in evaluation",)),
    (VarianceFromZero, "batch", ("running variance starts at 0",)),
    (StoresDeviation, "batch", ("standard deviation stored",)),
    (OverFeatures, "batch", ("layer norm instead of batch norm",)),
    (NoDim, "batch", ("one mean for all features",)),
    (SpaceForgotten, "batch", ("spatial axes forgotten",)),
    (NotCentred, "batch", ("mean not taken off",)),
    (Swapped, "batch", ("affine swapped",)),
    (NotAffine, "batch", ("affine missing",)),
    (NoBeta, "batch", ("beta missing",)),
    (NoGamma, "batch", ("gamma missing",)),
    (InPlace, "batch", ("input changed",)),
    (PlainAttributes, "batch", ("statistics are no buffers",)),
    (KeepsGraph, "batch", ("statistics are not detached",)),
    (PlainGamma, "batch", ("weight is no parameter",)),
    (WithoutStatistics, "batch", ("no statistics",)),
    (GammaMean, "batch", ("gamma gradient averaged",)),
    (GammaLast, "batch", ("gamma gradient not summed",)),
    (GammaFirst, "batch", ("gamma gradient not summed",)),
    (GammaOfX, "batch", ("gamma gradient of x",)),
    (BetaMean, "batch", ("beta gradient averaged",)),
    (BetaLast, "batch", ("beta gradient not summed",)),
    (WithoutGamma, "batch", ("input gradient without gamma",)),
    (NoTerms, "batch", ("statistics detached",)),
    (LayerNormUnbiased, "layer", ("eps outside", "unbiased variance normalizes")),
    (LayerNormEpsOutside, "layer", ("eps outside",)),
    (LayerNormOverBatch, "layer", ("batch norm instead",)),
    (RMSNormOfThePaper, "rms", ("eps outside",)),
    (RMSNormCentred, "rms", ("mean taken off",)),
    (GroupNormOfOneGroup, "group", ("layer norm instead of group norm",)),
    (WrongWay, "batch", ("stored variance corrected the wrong way",)),
    (PerSample, "batch", ("instance norm instead of batch norm",)),
    (PlainBeta, "batch", ("bias is no parameter",)),
    (GrowingStatistics, "batch", ("layer norm instead of batch norm", "statistics of another shape")),
    (LayerNormTooWide, "layer", ("over the batch too",)),
    (LayerNormPerChannel, "layer", ("instance norm instead",)),
    (Two, "batch", ("stored variance biased", "eps outside")),
    (Three, "batch", ("stored variance biased", "eps outside", "variance detached")),
    *((with_gradients(change), "batch", (name,)) for name, change in GRADIENTS.items()),
    *MORE,
]
"""Class, scheme, and the diagnoses that are expected: these, in this order, and no other."""
