"""More layers with one mistake each, and the names of the mistakes; see planted.py."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.verification.textbook import BatchNorm, GroupNorm, RMSNorm, fit


class UpdatedBeforeEval(BatchNorm):
    """In evaluation the running statistics are updated, and then used."""

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.statistics(x)
        with torch.no_grad():
            self.update(x, mean, var)
        if not self.training:
            mean, var = self.running_mean, self.running_var
        return self.affine(self.normalize(x, mean, var))


class ModesSwapped(BatchNorm):
    def by_batch(self) -> bool:
        return not self.training

    def updates(self) -> bool:
        return not self.training


class NothingReturned(BatchNorm):
    """What is computed is dropped."""

    def forward(self, x: Tensor) -> Tensor:
        super().forward(x)
        return x


class ChangesInEvaluation(BatchNorm):
    """Its input, in place."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        y = super().forward(x)
        return x.copy_(y)


class ByGradientMode(BatchNorm):
    """As d2l.ai has it."""

    def by_batch(self) -> bool:
        return torch.is_grad_enabled()

    def forward(self, x: Tensor) -> Tensor:
        self.recorded = torch.is_grad_enabled()
        return super().forward(x)

    def updates(self) -> bool:
        return self.recorded


class D2L(nn.Module):
    """The program of d2l.ai, section 8.5, for (N, C)."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(1, num_features)), nn.Parameter(torch.zeros(1, num_features))
        self.moving_mean, self.moving_var = torch.zeros(1, num_features), torch.ones(1, num_features)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            x_hat = (x - self.moving_mean) / torch.sqrt(self.moving_var + 1e-5)
        else:
            mean = x.mean(dim=0)
            var = ((x - mean) ** 2).mean(dim=0)
            x_hat = (x - mean) / torch.sqrt(var + 1e-5)
            self.moving_mean = 0.9 * self.moving_mean + 0.1 * mean.detach()
            self.moving_var = 0.9 * self.moving_var + 0.1 * var.detach()
        return self.gamma * x_hat + self.beta


class MeanOnly(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)


class VarianceOnly(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_var.lerp_(x.var(self.axes(x)), self.momentum)


class LastBatch(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean, self.running_var = mean, x.var(self.axes(x))


class Cumulative(BatchNorm):
    """The average over all batches, though a momentum is passed."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.batches = 0

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.batches += 1
        self.running_mean.lerp_(mean, 1 / self.batches)
        self.running_var.lerp_(x.var(self.axes(x)), 1 / self.batches)


class VarianceMomentumInverted(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(x.var(self.axes(x)), 1 - self.momentum)


class MeanMomentumInverted(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, 1 - self.momentum)
        self.running_var.lerp_(x.var(self.axes(x)), self.momentum)


class StoresWithEps(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        super().update(x, mean, var + self.eps)


class StoresAndEps(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(x.var(self.axes(x)) + self.eps, self.momentum)


class EpsTwiceInTraining(BatchNorm):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().statistics(x)
        return mean, var + self.eps

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        super().update(x, mean, var - self.eps)


class EpsWithTheVariance(EpsTwiceInTraining):
    """It is stored as well."""

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        BatchNorm.update(self, x, mean, var)


class StoresTorchStd(BatchNorm):
    """x.std() is averaged, and squared where a variance is needed."""

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(x.std(self.axes(x)), self.momentum)

    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().normalize(x, mean, var if self.training else var**2)


class StoresTorchStdUnsquared(StoresTorchStd):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return BatchNorm.normalize(self, x, mean, var)


class StoresDeviationSquared(StoresTorchStd):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var.sqrt(), self.momentum)


class StatisticsOfTheFirstBatch(BatchNorm):
    """None until then."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.running_mean, self.running_var
        self.running_mean = self.running_var = None  # type: ignore[assignment]

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        if self.running_mean is None:
            self.running_mean, self.running_var = mean, x.var(self.axes(x))
        else:
            super().update(x, mean, var)


class CorrectedByN(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * len(x) / (len(x) - 1), self.momentum)


class StoresSum(BatchNorm):
    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        super().update(x, mean * len(x), var)


class EvalWithoutEps(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        eps = self.eps if self.training else 0
        return (x - fit(mean, x)) / torch.sqrt(fit(var, x) + eps)


class Debiased(BatchNorm):
    """Adam's correction of the start."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.batches = 0

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.batches += 1
        kept = self.momentum
        self.momentum = self.weight_at(self.batches)
        super().update(x, mean, var)
        self.momentum = kept

    def weight_at(self, step: int) -> float:
        return self.momentum / (1 - (1 - self.momentum) ** step)


class AverageWithTheStart(Debiased):
    def weight_at(self, step: int) -> float:
        return 1 / (step + 1)


class Frozen(BatchNorm):
    """The running statistics normalize in both modes, and never move."""

    def by_batch(self) -> bool:
        return False

    def updates(self) -> bool:
        return False


class Uninitialised(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.gamma, self.beta = nn.Parameter(torch.empty(num_features)), nn.Parameter(torch.empty(num_features))


class FRN(nn.Module):
    """Right, for inputs with spatial axes."""

    def __init__(self, num_features: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.gamma, self.beta, self.tau = (nn.Parameter(torch.full((num_features,), at)) for at in (1.0, 0.0, 0.0))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 3:
            raise ValueError("spatial inputs only")
        y = x * torch.rsqrt((x * x).mean(tuple(range(2, x.ndim)), keepdim=True) + self.eps)
        return self.activation(fit(self.gamma, x) * y + fit(self.beta, x))

    def activation(self, y: Tensor) -> Tensor:
        return torch.maximum(y, fit(self.tau, y))


class FRNByReLU(FRN):
    def activation(self, y: Tensor) -> Tensor:
        return y.relu()


class FRNAlone(FRN):
    def activation(self, y: Tensor) -> Tensor:
        return y


class FRNFromMinusOne(FRN):
    def __init__(self, num_features: int, eps: float = 1e-6) -> None:
        super().__init__(num_features, eps)
        nn.init.constant_(self.tau, -1)


class Renorm(nn.Module):
    """Right, for (N, C)."""

    def __init__(
        self, num_features: int, r_max: float = 3, d_max: float = 5, eps: float = 1e-3, momentum: float = 0.01
    ) -> None:
        super().__init__()
        self.eps, self.momentum, self.r_max, self.d_max = eps, momentum, r_max, d_max
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_std", torch.ones(num_features))
        self.running_mean: Tensor
        self.running_std: Tensor
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        assert x.ndim == 2
        if not self.training:
            return self.weight * (x - self.running_mean) / self.running_std + self.bias
        mean, std = x.mean(0), (x.var(0, unbiased=False) + self.eps).sqrt()
        r, d = self.corrections(mean, std)
        with torch.no_grad():
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
            self.running_std = (1 - self.momentum) * self.running_std + self.momentum * std
        return self.weight * ((x - mean) / std * r + d) + self.bias

    def corrections(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        r = (std / self.running_std).clamp(1 / self.r_max, self.r_max)
        d = ((mean - self.running_mean) / self.running_std).clamp(-self.d_max, self.d_max)
        return r.detach(), d.detach()


class RenormWithoutR(Renorm):
    def corrections(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(std), super().corrections(mean, std)[1]


class RenormWithoutD(Renorm):
    def corrections(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        return super().corrections(mean, std)[0], torch.zeros_like(std)


class RenormByTheBatch(Renorm):
    def corrections(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        d = ((mean - self.running_mean) / std).clamp(-self.d_max, self.d_max)
        return super().corrections(mean, std)[0], d.detach()


class RenormDifferentiated(Renorm):
    def corrections(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        r = (std / self.running_std).clamp(1 / self.r_max, self.r_max)
        return r, ((mean - self.running_mean) / self.running_std).clamp(-self.d_max, self.d_max)


class FirstBatchForgotten(BatchNorm):
    """No known mistake."""

    seen = False

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        if self.seen:
            super().update(x, mean, var)
        self.seen = True


class AroundTheRunningMean(BatchNorm):
    """No known mistake."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(self.axes(x)), ((x - fit(self.running_mean, x)) ** 2).mean(self.axes(x))


class EpsTwice(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().normalize(x, mean, var + self.eps)


class EpsSubtracted(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) * torch.rsqrt(fit(var, x) - self.eps)


class SquareOfTheVariance(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / (fit(var, x) + self.eps) ** 2


class TimesDeviation(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) * torch.sqrt(fit(var, x) + self.eps)


class DividedByRsqrt(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x / torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


class EpsFloor(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x - fit(mean, x)) / torch.sqrt(fit(var, x).clamp(min=self.eps))


class MeanInNumerator(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return x / torch.sqrt(fit(var, x) + self.eps)


class MeanAdded(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return (x + fit(mean, x)) / torch.sqrt(fit(var, x) + self.eps)


class AffineFirst(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(fit(self.gamma, x) * x + fit(self.beta, x))

    def affine(self, x_hat: Tensor) -> Tensor:
        return x_hat


class BetaSubtracted(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.gamma, x_hat) * x_hat - fit(self.beta, x_hat)


class LastAxisForgotten(BatchNorm):
    """(N, C, H, W) only."""

    kept = 3

    def forward(self, x: Tensor) -> Tensor:
        assert x.ndim == 4
        if not self.training:
            return super().forward(x)
        super().forward(x)
        axes = tuple(axis for axis in self.axes(x) if axis != self.kept)
        mean, var = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
        return self.affine((x - mean) / torch.sqrt(var + self.eps))


class FirstAxisForgotten(LastAxisForgotten):
    kept = 2


class ShortcutOfImages(BatchNorm):
    """Right on (N, C) and (N, C, L)."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = super().statistics(x)
        return mean, (x * x).mean(self.axes(x)) - mean * mean if x.ndim == 4 else var


class GammaFromZero(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        nn.init.zeros_(self.gamma)


class BetaRandom(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        nn.init.normal_(self.beta)


class Doubled(BatchNorm):
    """Twice as many values as features, of which the first half is used."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.gamma, self.beta = (nn.Parameter(value.repeat(2)) for value in (self.gamma.data, self.beta.data))

    def affine(self, x_hat: Tensor) -> Tensor:
        c = x_hat.shape[1]
        return fit(self.gamma[:c], x_hat) * x_hat + fit(self.beta[:c], x_hat)


class InList(nn.Module):
    """PyTorch sees no layer in a plain list: nothing is learned, moved or stored."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.parts = [nn.BatchNorm1d(num_features, eps, momentum)]

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x


class PlainTensors(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.gamma, self.beta
        self.gamma, self.beta = torch.ones(num_features), torch.zeros(num_features)  # type: ignore[assignment]


class NotPersistent(BatchNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.register_buffer("running_mean", torch.zeros(num_features), persistent=False)
        self.register_buffer("running_var", torch.ones(num_features), persistent=False)


class WithNoise(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return super().affine(x_hat) + 0.001 * torch.randn_like(x_hat)


class NoEvaluation(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            raise RuntimeError("not yet written")
        return super().forward(x)


class SumOfSquares(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + self.variance_epsilon)


class GemmaFromOne(RMSNorm):
    """1 + γ, and γ starts at 1."""

    def forward(self, x: Tensor) -> Tensor:
        return (1 + self.weight) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


class Interleaved(GroupNorm):
    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(len(x), -1, self.num_groups, *x.shape[2:])
        axes = (1, *range(3, rows.ndim))
        mean, var = rows.mean(axes, keepdim=True), rows.var(axes, unbiased=False, keepdim=True)
        x_hat = ((rows - mean) / torch.sqrt(var + self.eps)).reshape(x.shape)
        return x_hat * fit(self.weight, x) + fit(self.bias, x)


class GroupsPerPosition(GroupNorm):
    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(len(x), self.num_groups, -1, *x.shape[2:])
        mean, var = rows.mean(2, keepdim=True), rows.var(2, unbiased=False, keepdim=True)
        x_hat = ((rows - mean) / torch.sqrt(var + self.eps)).reshape(x.shape)
        return x_hat * fit(self.weight, x) + fit(self.bias, x)


class GroupsOfSize(GroupNorm):
    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__(num_channels // num_groups, num_channels, eps)


class Exchanged(BatchNorm):
    """var_mean, taken for mean_var."""

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = torch.var_mean(x, self.axes(x), correction=0)
        return mean, var


class EvalByVariance(BatchNorm):
    """In evaluation it divides by the variance, in training by its root."""

    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        divisor = fit(var, x) + self.eps
        return (x - fit(mean, x)) / (torch.sqrt(divisor) if self.training else divisor)


class TrainEpsOutside(BatchNorm):
    """In training eps is beside the root."""

    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        var = fit(var, x)
        return (x - fit(mean, x)) / (var.sqrt() + self.eps if self.training else (var + self.eps).sqrt())


class StepByStep(GroupNorm):
    """For images, a group per channel: the deviation of deviations."""

    way = "std", "std"

    def __init__(self, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__(num_channels, num_channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError("images only")
        first, second = self.way
        deviation = getattr(getattr(x, first)(2, keepdim=True), second)(3, keepdim=True)
        x_hat = (x - x.mean((2, 3), keepdim=True)) / torch.sqrt(deviation**2 + self.eps)
        return x_hat * fit(self.weight, x) + fit(self.bias, x)


class MeanOfDeviations(StepByStep):
    way = "std", "mean"


class ExchangedInEvaluation(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().normalize(x, *((mean, var) if self.training else (var, mean)))


class OwnVarianceInEvaluation(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().normalize(x, mean, var if self.training else self.statistics(x)[1])


class OwnMeanInEvaluation(BatchNorm):
    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().normalize(x, mean if self.training else self.statistics(x)[0], var)


class AddsToTheOld(BatchNorm):
    """The old value is not made smaller."""

    def update(self, x: Tensor, mean: Tensor, var: Tensor) -> None:
        self.running_mean = self.running_mean + self.momentum * mean
        self.running_var = self.running_var + self.momentum * x.var(self.axes(x))


class MeanDivided(BatchNorm):
    """Brackets are missing."""

    def normalize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return x - fit(mean, x) / torch.sqrt(fit(var, x) + self.eps)


class BetaInBracket(BatchNorm):
    def affine(self, x_hat: Tensor) -> Tensor:
        return fit(self.gamma, x_hat) * (x_hat + fit(self.beta, x_hat))


class InputAdded(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class WithReLU(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


class ByAbsoluteValues(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        mean = x.abs().mean(-1, keepdim=True)
        return self.weight * x / (mean.square() + self.variance_epsilon).sqrt()


class ByNOutside(RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        root = x.square().sum(-1, keepdim=True).sqrt() / x.shape[-1]
        return self.weight * x / (root.square() + self.variance_epsilon).sqrt()


class TimesTwo(BatchNorm):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class OverPositions(BatchNorm):
    """Each position has statistics of its own, over the batch and the channels."""

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError("images only")
        var, mean = torch.var_mean(x, (0, 1), correction=0, keepdim=True)
        return self.affine((x - mean) / torch.sqrt(var + self.eps))


class OverColumns(GroupNorm):
    """Layer norm of images over the channels and the rows."""

    def __init__(self, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__(1, num_channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError("images only")
        var, mean = torch.var_mean(x, (1, 2), correction=0, keepdim=True)
        return (x - mean) / torch.sqrt(var + self.eps) * fit(self.weight, x) + fit(self.bias, x)


class ModeAsValue(BatchNorm):
    """Its `train` is a number."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.train = 1  # type: ignore[assignment,method-assign]


MORE: list[tuple[type[nn.Module], str, tuple[str, ...]]] = [
    (UpdatedBeforeEval, "batch", ("running statistics updated in evaluation",)),
    (ModesSwapped, "batch", ("modes swapped",)),
    (ByGradientMode, "batch", ("mode taken from the gradient switch",)),
    (
        D2L,
        "batch",
        ("stored variance biased", "mode taken from the gradient switch", "statistics are no buffers"),
    ),
    (Exchanged, "batch", ("mean and variance exchanged",)),
    (EvalByVariance, "batch", ("divided by the variance in evaluation",)),
    (TrainEpsOutside, "batch", ("eps outside in training",)),
    (StepByStep, "instance", ("deviation in stages",)),
    (MeanOfDeviations, "instance", ("deviation in stages",)),
    (ExchangedInEvaluation, "batch", ("running statistics exchanged in evaluation",)),
    (OwnVarianceInEvaluation, "batch", ("variance of the batch in evaluation",)),
    (OwnMeanInEvaluation, "batch", ("mean of the batch in evaluation",)),
    (AddsToTheOld, "batch", ("another moving average",)),
    (MeanDivided, "batch", ("only the mean is divided",)),
    (BetaInBracket, "batch", ("beta in the bracket",)),
    (InputAdded, "batch", ("input added",)),
    (WithReLU, "batch", ("relu included",)),
    (ByAbsoluteValues, "rms", ("mean of absolute values",)),
    (ByNOutside, "rms", ("n outside the root",)),
    (TimesTwo, "batch", ("fixed numbers",)),
    (OverPositions, "batch", ("statistics over other axes",)),
    (OverColumns, "layer", ("statistics over other axes",)),
    (ModeAsValue, "batch", ("modes cannot be set",)),
    (Debiased, "batch", ("another weight at each step",)),
    (AverageWithTheStart, "batch", ("another weight at each step",)),
    (Frozen, "batch", ("statistics frozen",)),
    (Uninitialised, "batch", ("weight is uninitialised", "bias is uninitialised")),
    (FRNByReLU, "frn", ("relu instead of the threshold",)),
    (FRNAlone, "frn", ("threshold missing",)),
    (NothingReturned, "batch", ("nothing is normalized",)),
    (ChangesInEvaluation, "batch", ("input changed",)),
    (RenormWithoutR, "batch_renorm", ("r missing",)),
    (RenormWithoutD, "batch_renorm", ("d missing",)),
    (RenormByTheBatch, "batch_renorm", ("d divided by the batch's deviation",)),
    (RenormDifferentiated, "batch_renorm", ("r and d differentiated",)),
    (MeanOnly, "batch", ("running variance never updated",)),
    (VarianceOnly, "batch", ("running mean never updated",)),
    (LastBatch, "batch", ("running statistics not averaged",)),
    (Cumulative, "batch", ("running statistics averaged over all batches",)),
    (VarianceMomentumInverted, "batch", ("momentum of the variance inverted",)),
    (MeanMomentumInverted, "batch", ("momentum of the mean inverted",)),
    (StoresWithEps, "batch", ("eps stored",)),
    (StoresAndEps, "batch", ("eps stored",)),
    (EpsTwiceInTraining, "batch", ("eps twice in training",)),
    (EpsWithTheVariance, "batch", ("eps stored", "eps twice in training")),
    (StoresTorchStd, "batch", ("standard deviation stored",)),
    (StoresTorchStdUnsquared, "batch", ("standard deviation stored",)),
    (StoresDeviationSquared, "batch", ("standard deviation stored",)),
    (StatisticsOfTheFirstBatch, "batch", ("no statistics", "raises")),
    (CorrectedByN, "batch", ("stored variance corrected by N",)),
    (StoresSum, "batch", ("sum stored",)),
    (EvalWithoutEps, "batch", ("eps missing in evaluation",)),
    (FirstBatchForgotten, "batch", ("unknown",)),
    (AroundTheRunningMean, "batch", ("depends on earlier batches", "another shift", "unknown")),
    (EpsTwice, "batch", ("eps twice",)),
    (EpsSubtracted, "batch", ("eps subtracted",)),
    (SquareOfTheVariance, "batch", ("divided by the square of the variance",)),
    (TimesDeviation, "batch", ("multiplied by the deviation",)),
    (DividedByRsqrt, "rms", ("multiplied by the deviation",)),
    (EpsFloor, "batch", ("eps as a floor",)),
    (MeanInNumerator, "batch", ("mean left in the numerator",)),
    (MeanAdded, "batch", ("mean added",)),
    (AffineFirst, "batch", ("affine before normalizing",)),
    (BetaSubtracted, "batch", ("beta subtracted",)),
    (LastAxisForgotten, "batch", ("last axis forgotten",)),
    (FirstAxisForgotten, "batch", ("first spatial axis forgotten",)),
    (ShortcutOfImages, "batch", ("shortcut variance",)),
    (Doubled, "batch", ("weight of another shape", "bias of another shape")),
    (InList, "batch", ("layers in a list",)),
    (PlainTensors, "batch", ("weight is no parameter", "bias is no parameter")),
    (NotPersistent, "batch", ("statistics are not stored",)),
    (WithNoise, "batch", ("random output",)),
    (NoEvaluation, "batch", ("raises",)),
    (SumOfSquares, "rms", ("sum of squares divides",)),
    (GemmaFromOne, "rms", ("one added to gamma",)),
    (GroupsPerPosition, "group", ("spatial axes forgotten",)),
    (Interleaved, "group", ("groups interleaved",)),
    (GroupsOfSize, "group", ("group size instead of number",)),
]
"""As `planted.PLANTED`; what no known mistake explains is `unknown`, and no more is said of it."""

GRADIENTS: dict[str, Any] = {
    "input gradient negative": lambda g, x, x_hat, gamma, rstd, right: (-right[0], right[1], right[2]),
    "input gradient times n": lambda g, x, x_hat, gamma, rstd, right: (len(x) * right[0], right[1], right[2]),
    "input gradient by the variance": lambda g, x, x_hat, gamma, rstd, right: (rstd * right[0], right[1], right[2]),
    "parameter gradients swapped": lambda g, x, x_hat, gamma, rstd, right: (right[0], right[2], right[1]),
    "no gradient of gamma": lambda g, x, x_hat, gamma, rstd, right: (right[0], None, right[2]),
    "no gradient of beta": lambda g, x, x_hat, gamma, rstd, right: (right[0], right[1], None),
}
"""Gradients by hand with one mistake each; see `planted.with_gradients`."""
