"""Optimizers from their configuration, and the learning rate's course over the training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

from bnlab.config import AdamConfig, CosineConfig, OptimizerConfig, ScheduleConfig, SGDConfig, StepConfig


def group(config: OptimizerConfig, parameters: Iterable[torch.Tensor], *, of_norm: bool) -> dict[str, Any]:
    """A parameter group of torch.optim with the hyperparameters of one run."""
    decays = config.decay_norm_params or not of_norm
    options: dict[str, Any] = {
        "params": list(parameters),
        "lr": config.lr,
        "weight_decay": config.weight_decay if decays else 0.0,
    }
    if isinstance(config, AdamConfig):
        options |= {"betas": tuple(config.betas), "eps": config.eps}
    elif isinstance(config, SGDConfig):
        options |= {"momentum": config.momentum, "nesterov": config.nesterov}
    return options


def build(name: str, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The torch.optim optimizer of that name over the groups, fused: one kernel a step, not one a tensor."""
    optimizers: dict[str, type[torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "sgd": torch.optim.SGD,
    }
    optimizer: torch.optim.Optimizer = optimizers[name](groups, fused=True)  # type: ignore[call-arg]
    return optimizer


def lr_factor(config: ScheduleConfig, step: int, total_steps: int, steps_per_epoch: int) -> float:
    """What the learning rate is multiplied by at a step, 0 <= step < total_steps.

    cosine: f + (1 - f) (1 + cos(pi step / total_steps)) / 2 with f = final_factor (Loshchilov & Hutter, 2017).
    step: gamma^floor(epochs done / every_epochs).
    """
    if isinstance(config, CosineConfig):
        half_wave = (1 + math.cos(math.pi * step / total_steps)) / 2
        return config.final_factor + (1 - config.final_factor) * half_wave
    if isinstance(config, StepConfig):
        return float(config.gamma ** math.floor(step / steps_per_epoch / config.every_epochs))
    return 1.0
