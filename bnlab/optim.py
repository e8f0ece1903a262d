"""torch.optim's optimizers over a stack whose replicates have hyperparameters of their own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnlab.config import AdamConfig, CosineConfig, OptimizerConfig, ScheduleConfig, SGDConfig, StepConfig
from bnlab.stack import Owned

TORCH_OPTIMIZERS: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class Hyperparameters:
    """How one replicate is optimized."""

    optimizer: OptimizerConfig
    schedule: ScheduleConfig


@dataclass(frozen=True)
class _Slice:
    """Rows start:stop of a lifted parameter; `view` is what the optimizer moves."""

    view: Tensor
    whole: Tensor
    start: int
    stop: int


class StackOptimizer:
    """Moves every replicate by its own hyperparameters.

    Each distinct set of hyperparameters has parameter groups of its own, over the slices of the lifted parameters that
    its replicates own: views, so nothing is copied. The updates are fused: one kernel a group, not one a tensor.

    Args:
        parameters: the stack's, with their owners.
        hyperparameters: one per replicate.
        total_steps, steps_per_epoch: what the learning rate's schedule counts in.
    """

    def __init__(
        self,
        parameters: Sequence[Owned],
        hyperparameters: Sequence[Hyperparameters],
        total_steps: int,
        steps_per_epoch: int,
    ) -> None:
        self._total_steps, self._steps_per_epoch = total_steps, steps_per_epoch
        self._wholes = [owned.tensor for owned in parameters]
        self._slices: list[_Slice] = []
        self._scheduled: list[tuple[dict[str, Any], Hyperparameters]] = []
        kinds = {repr(each): each for each in hyperparameters}
        of_replicate = [repr(each) for each in hyperparameters]
        groups: dict[str, list[dict[str, Any]]] = {}
        for kind, each in kinds.items():
            chosen = [other == kind for other in of_replicate]
            for weight_decay, mine in _by_weight_decay(each.optimizer, parameters).items():
                slices = [piece for owned in mine for piece in _slices(owned, chosen)]
                if slices:
                    self._slices += slices
                    group = _group(each.optimizer, [piece.view for piece in slices], weight_decay)
                    groups.setdefault(each.optimizer.name, []).append(group)
                    if each.schedule.name != "constant":
                        self._scheduled.append((group, each))
        self._optimizers = [TORCH_OPTIMIZERS[name](of_name, fused=True) for name, of_name in groups.items()]
        self._cut = [piece for piece in self._slices if piece.view is not piece.whole]

    def step(self, step: int) -> None:
        """Moves the parameters along their gradients and clears these; `step` counts from 0."""
        for group, each in self._scheduled:
            factor = lr_factor(each.schedule, step, self._total_steps, self._steps_per_epoch)
            group["lr"] = each.optimizer.lr * factor
        for piece in self._cut:
            gradient = piece.whole.grad
            piece.view.grad = None if gradient is None else gradient[piece.start : piece.stop]
        for optimizer in self._optimizers:
            optimizer.step()
        for whole in self._wholes:
            whole.grad = None

    def state(self) -> list[list[dict[str, Any]]]:
        """What each optimizer remembers of each of its tensors. The step decides learning rates, so they are not."""
        return [[dict(each.state[view]) for view in _views(each)] for each in self._optimizers]

    def load_state(self, state: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Takes on a state of the same stack; not by load_state_dict, which would replace the scheduled groups."""
        for optimizer, of_views in zip(self._optimizers, state, strict=True):
            for view, values in zip(_views(optimizer), of_views, strict=True):
                optimizer.state[view] = {name: _to(view.device, value) for name, value in values.items()}


def _views(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [view for group in optimizer.param_groups for view in group["params"]]


def _to(device: torch.device, value: Any) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def _slices(owned: Owned, chosen: Sequence[bool]) -> Iterator[_Slice]:
    """The runs of neighbouring blocks whose owners are chosen."""
    block = len(owned.tensor) // len(owned.owners)
    start = 0
    for wanted, run in itertools.groupby(owned.owners, key=lambda owner: owner is not None and chosen[owner]):
        stop = start + block * len(list(run))
        if wanted:
            is_all = stop - start == len(owned.tensor)
            view = owned.tensor if is_all else owned.tensor.detach()[start:stop].requires_grad_()
            yield _Slice(view, owned.tensor, start, stop)
        start = stop


def _by_weight_decay(config: OptimizerConfig, parameters: Sequence[Owned]) -> dict[float, list[Owned]]:
    """As few groups as there are weight decays, for each costs an optimizer time at every step."""
    groups: dict[float, list[Owned]] = {}
    for owned in parameters:
        decays = config.decay_norm_params or not owned.of_norm
        groups.setdefault(config.weight_decay if decays else 0.0, []).append(owned)
    return groups


def _group(config: OptimizerConfig, parameters: list[Tensor], weight_decay: float) -> dict[str, Any]:
    """A parameter group of torch.optim."""
    options: dict[str, Any] = {"params": parameters, "lr": config.lr, "weight_decay": weight_decay}
    if isinstance(config, AdamConfig):
        options |= {"betas": tuple(config.betas), "eps": config.eps}
    elif isinstance(config, SGDConfig):
        options |= {"momentum": config.momentum, "nesterov": config.nesterov}
    return options


def lr_factor(config: ScheduleConfig, step: int, total_steps: int, steps_per_epoch: int) -> float:
    """What the learning rate is multiplied by at a step, 0 <= step < total_steps.

    cosine: f + (1 - f) (1 + cos(pi step / total_steps)) / 2 with f = final_factor (Loshchilov & Hutter, 2017).
    step: gamma^floor(epochs done / every_epochs).
    """
    if isinstance(config, CosineConfig):
        half_wave = (1 + math.cos(math.pi * step / total_steps)) / 2
        return config.final_factor + (1 - config.final_factor) * half_wave
    if isinstance(config, StepConfig):
        # Rounded, because 0.3 epochs / 0.1 epochs is a little less than 3 in floating point.
        return float(config.gamma ** math.floor(round(step / steps_per_epoch / config.every_epochs, 9)))
    return 1.0
