"""The settings of each optimizer and schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.errors import UserError
from bnlab.ranges import not_negative, positive, require, within_0_1


@dataclass(frozen=True)
class OptimizerConfig:
    name: str
    lr: float
    weight_decay: float
    decay_norm_params: bool
    clip_norm: float | None = field(default=None, kw_only=True)
    adaptive_clip: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        positive("optimizer.lr", self.lr)
        for name in ("clip_norm", "adaptive_clip"):
            if getattr(self, name) is not None:
                positive(f"optimizer.{name}", getattr(self, name))
        not_negative("optimizer.weight_decay", self.weight_decay)


@dataclass(frozen=True)
class AdamConfig(OptimizerConfig):
    betas: list[float]
    eps: float

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("optimizer.eps", self.eps)
        legal = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        require(legal, "optimizer.betas", self.betas, "two numbers, each from 0 to below 1")


@dataclass(frozen=True)
class SGDConfig(OptimizerConfig):
    momentum: float
    nesterov: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        within_0_1("optimizer.momentum", self.momentum)
        if self.nesterov and self.momentum == 0:
            raise UserError("optimizer.nesterov=true needs optimizer.momentum above 0")


@dataclass(frozen=True)
class RMSPropConfig(OptimizerConfig):
    alpha: float
    momentum: float
    eps: float

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("optimizer.eps", self.eps)
        require(0 <= self.alpha < 1, "optimizer.alpha", self.alpha, "0 or above, and below 1")
        within_0_1("optimizer.momentum", self.momentum)


@dataclass(frozen=True)
class ScheduleConfig:
    name: str
    warmup_steps: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        require(self.warmup_steps >= 0, "schedule.warmup_steps", self.warmup_steps, "0 or more")


@dataclass(frozen=True)
class CosineConfig(ScheduleConfig):
    final_factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within_0_1("schedule.final_factor", self.final_factor)


@dataclass(frozen=True)
class StepConfig(ScheduleConfig):
    every_epochs: float
    gamma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("schedule.every_epochs", self.every_epochs)
        positive("schedule.gamma", self.gamma)
