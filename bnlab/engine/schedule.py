"""Learning rate schedules."""

from __future__ import annotations

import math

from bnlab.config import CosineConfig, ScheduleConfig, StepConfig


def lr_factor(config: ScheduleConfig, step: int, total_steps: int, steps_per_epoch: int) -> float:
    """The factor on the learning rate at a step, 0 <= step < total_steps.

    It is the schedule's, in the first warmup_steps steps times (step + 1) / warmup_steps. The schedules:

    constant: 1.
    cosine: f + (1 - f) (1 + cos(pi step / total_steps)) / 2 with f = final_factor (Loshchilov & Hutter, 2017).
    step: gamma^floor(epochs done / every_epochs).

    Raises:
        ValueError: the schedule is unknown.
    """
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return warm * _factor(config, step, total_steps, steps_per_epoch)


def _factor(config: ScheduleConfig, step: int, total_steps: int, steps_per_epoch: int) -> float:
    if config.name == "constant":
        return 1.0
    if isinstance(config, CosineConfig):
        half_wave = (1 + math.cos(math.pi * step / total_steps)) / 2
        return config.final_factor + (1 - config.final_factor) * half_wave
    if isinstance(config, StepConfig):
        # Rounded, because 0.3 epochs / 0.1 epochs is a little less than 3 in floating point.
        return float(config.gamma ** math.floor(round(step / steps_per_epoch / config.every_epochs, 9)))
    raise ValueError(f"there is no schedule '{config.name}' of {type(config).__name__}")
