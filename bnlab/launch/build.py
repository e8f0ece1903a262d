"""Makes what the engine needs from a configuration: device, threads, data, plan and replicates."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import nn

from bnlab import data, models
from bnlab.config import DataConfig, RunConfig
from bnlab.engine import Hyperparameters, Plan, Replicate, are_faster_by_onednn
from bnlab.errors import UserError, shown
from bnlab.machine import compiler
from bnlab.machine.threads import DEFAULT_THREADS
from bnlab.models import size_of
from bnlab.seeds import weight_generator
from bnlab.store import run_folder

WORTH_COMPILING = 500_000
"""Steps from which compiling a single run pays off: it saves some 40 us per step, and costs some 20 s at the start.
For a stack a recorded step is as fast as a compiled one."""


WORTH_A_SECOND_THREAD = 5_000_000
"""Multiplications of a forward pass below which waiting for a second thread costs more time than it saves."""


def device_of(config: RunConfig) -> torch.device:
    """The device to train on. Raises UserError if this machine does not have it."""
    if not config.engine.takes_devices:
        return torch.device("cpu")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(config.device)
        torch.zeros(1, device=device).item()  # the device `meta` has no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = shown(str(error).splitlines()[0])
        raise UserError(f"device={config.device} cannot be used here ({reason}); use auto or cpu") from error
    return device


def threads_for(config: RunConfig, replicates: int) -> int:
    """CPU threads for a stack: as configured; else one if the stack is small, and PyTorch's default if not."""
    if config.threads is not None:
        return config.threads
    size = size_of(config.model, data.IMAGE, data.classes_of(config.data.name))
    multiplications = replicates * config.data.batch_size * size.multiplications
    return 1 if multiplications < WORTH_A_SECOND_THREAD else DEFAULT_THREADS


def compiles(config: RunConfig, replicates: int, steps: int) -> bool:
    """Whether to compile the step.

    `compile=auto` compiles a long single run if there is a working compiler, but not where a recorded step has the
    faster products of oneDNN.
    """
    if config.compile == "auto":
        is_worth_it = replicates == 1 and steps >= WORTH_COMPILING and not are_faster_by_onednn()
        return is_worth_it and compiler.fault() is None
    return bool(config.compile)


def split_of(config: DataConfig) -> data.Split:
    """The dataset in its three parts. Raises UserError if it is missing or cannot be split as configured."""
    source = config.name, config.root, config.download
    return _split(*source, config.validation_size, config.limit, config.normalize, config.split_seed)


def plan_of(config: RunConfig) -> Plan:
    """The length of the training in steps."""
    batch = config.data
    images = len(split_of(batch).train)
    steps_per_epoch = data.batches_per_epoch(images, batch.images_per_step, batch.drop_last)
    total = config.steps if config.steps is not None else (config.epochs or 0) * steps_per_epoch
    return Plan(batch.batch_size, batch.drop_last, steps_per_epoch, total, config.eval_every, batch.accumulate)


def places(config: RunConfig) -> models.Places:
    """Where the model has its norms and activations."""
    split = split_of(config.data)
    return models.places_of(config.model, split.train.images[0].shape, split.classes)


def replicate(config: RunConfig, seed: int) -> Replicate:
    """The model of one seed with its initial weights, and its hyperparameters."""
    return Replicate(
        model_of(config, seed), seed, Hyperparameters(config.optimizer, config.schedule), run_folder(config).name
    )


def model_of(config: RunConfig, seed: int) -> nn.Module:
    """The model of one seed with its initial weights; it needs no data."""
    classes = data.classes_of(config.data.name)
    return models.build(config.model, config.norm, data.IMAGE, classes, weight_generator(seed))


@functools.lru_cache(maxsize=8)
def _split(
    name: str,
    root: str | None,
    download: bool,
    validation_size: int,
    limit: int | None,
    normalize: str,
    split_seed: int | None,
) -> data.Split:
    """Cached, since the jobs of a sweep share it."""
    source = _source(name, root, download)
    return data.split(source, validation_size=validation_size, limit=limit, normalize=normalize, split_seed=split_seed)


@functools.lru_cache(maxsize=2)
def _source(name: str, root: str | None, download: bool) -> data.Source:
    return data.load(name, None if root is None else Path(root).expanduser(), download)


def has_data(name: str, root: str | None) -> bool:
    """Whether a data set's files lie in `data.root`. Raises UserError for a data set that is not known."""
    return data.is_there(name, None if root is None else Path(root))
