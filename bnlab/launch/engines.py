"""The engines, which train the replicates of a stack: bnlab's own loop, or Keras. Each implements one protocol."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from bnlab import data, engine, keras_engine, models
from bnlab.config import CustomClassConfig, EngineConfig, KerasEngineConfig, RunConfig
from bnlab.engine import Observers
from bnlab.launch.build import compiles, device_of, plan_of, replicate, split_of
from bnlab.launch.checkpoints import Checkpoints
from bnlab.launch.job import Job
from bnlab.machine import Interrupt
from bnlab.machine.threads import use_threads
from bnlab.norms.dyt import DynamicTanh
from bnlab.store import run_folder
from bnlab.user_class import confined

SECONDS_OF_TRIAL = 60.0
"""The time limit for trying out a user's norm: its import, its layers and their passes."""


@dataclass(frozen=True)
class Surroundings:
    """What a training is connected with.

    Attributes:
        observers: are told what happens.
        checkpoints: save the state, and load it to resume.
        interrupt: whether the user wants to stop.
        say: prints a line for the user.
    """

    observers: Observers
    checkpoints: Checkpoints
    interrupt: Interrupt
    say: Callable[[str], None]


class Engine(Protocol):
    """A way to train replicates."""

    def check(self, config: RunConfig) -> None:
        """Raises UserError if it cannot train this configuration, before anything is trained."""

    def train(self, jobs: Sequence[Job], threads: int, around: Surroundings) -> Sequence[nn.Module | None]:
        """Trains the jobs of one stack to their ends, or until all have diverged.

        Returns:
            Each job's trained plain model; None where the engine has no such model.
        """


def engine_of(config: RunConfig) -> Engine:
    """The engine of `engine=NAME`."""
    return _ENGINES[type(config.engine)]


class OwnEngine:
    """bnlab's loop, `bnlab.engine`: all replicates of a stack as one program."""

    def check(self, config: RunConfig) -> None:
        split = split_of(config.data)
        if isinstance(config.norm, CustomClassConfig):
            _try_out(config.norm.target, json.dumps(config.norm.kwargs), config.norm.digest, _slots(config, split))
        image = split.train.images[0].shape
        is_tried = config.norm.impl != "keras" and not isinstance(config.norm, CustomClassConfig)
        has_values = is_tried and models.size_of(config.model, image, split.classes).is_small(config.data.batch_size)
        generator = torch.Generator() if has_values else None
        model = models.build(config.model, config.norm, image, split.classes, generator)
        if is_tried:
            _check_shapes(model, config, split)

    def train(self, jobs: Sequence[Job], threads: int, around: Surroundings) -> Sequence[nn.Module | None]:
        config = jobs[0].config
        replicates = [replicate(job.config, job.seed) for job in jobs]
        plan = plan_of(config)
        engine.train(
            replicates,
            split_of(config.data),
            plan,
            device_of(config),
            around.observers,
            threads=threads,
            compiled=compiles(config, len(jobs), plan.total_steps),
            checkpointer=around.checkpoints,
            warn=around.say,
        )
        return [one.model for one in replicates]


class KerasEngine:
    """Keras's `Model.fit`, `bnlab.keras_engine`: one replicate after the other."""

    def check(self, config: RunConfig) -> None:
        assert isinstance(config.engine, KerasEngineConfig)
        keras_engine.check(config, config.engine, split_of(config.data))

    def train(self, jobs: Sequence[Job], threads: int, around: Surroundings) -> Sequence[nn.Module | None]:
        from bnlab.keras_engine import program  # imports Keras

        (job,) = jobs
        split = split_of(job.config.data)
        with use_threads(threads):
            model = program.build(job.config, split, job.seed)
            plan, member = plan_of(job.config), program.member(model, run_folder(job.config).name, job.seed)
            program.train(model, member, split, plan, around.observers, around.interrupt, around.checkpoints)
        return [None]


_ENGINES: dict[type[EngineConfig], Engine] = {EngineConfig: OwnEngine(), KerasEngineConfig: KerasEngine()}


@functools.lru_cache
def _try_out(target: str, kwargs: str, digest: str | None, slots: tuple[tuple[tuple[int, ...], ...], ...]) -> None:
    """Tries out a user's norm in another process. Cached, since such a process takes as long as importing PyTorch."""
    confined("bnlab.user_class.layer:try_out", target, json.loads(kwargs), slots, seconds=SECONDS_OF_TRIAL)


def _check_shapes(model: nn.Module, config: RunConfig, split: data.Split) -> None:
    """Raises UserError if a layer refuses a batch of the training, such as one with a single value per channel."""
    device, image = next(model.parameters()).device, split.train.images[0].shape
    try:
        with torch.no_grad():
            for samples in _batch_sizes(config, split):
                model(torch.zeros(samples, *image, device=device))
    except ValueError as error:
        raise config.norm.refused(error) from error
    except RuntimeError as error:
        # A layer that reads a number out of a tensor, such as batch norm's count with momentum=null, cannot run on the
        # meta device, where large models are; it is not checked there.
        if "meta tensors" not in str(error):
            raise


def _batch_sizes(config: RunConfig, split: data.Split) -> list[int]:
    """The sizes of an epoch's batches, the largest first."""
    size = config.data.batch_size
    return sorted({size, data.last_batch_size(len(split.train), size, config.data.drop_last)}, reverse=True)


def _slots(config: RunConfig, split: data.Split) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """The shapes of the inputs of each norm in the network, for all sizes of batches in the training."""
    image = split.train.images[0].shape
    model = models.build(config.model, models.STAND_IN, image, split.classes, generator=None)
    norms = [layer for layer in model.modules() if isinstance(layer, DynamicTanh)]
    shapes: dict[nn.Module, dict[tuple[int, ...], None]] = {layer: {} for layer in norms}
    for layer in norms:
        layer.register_forward_pre_hook(lambda layer, inputs: shapes[layer].setdefault(tuple(inputs[0].shape)))
    for samples in _batch_sizes(config, split):
        model(torch.zeros(samples, *image, device="meta"))
    return tuple(tuple(of_layer) for of_layer in shapes.values())
