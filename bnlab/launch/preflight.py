"""From a legal configuration to what the training loop takes, and the checks that need data or the machine."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import torch

from bnlab import data, keras_engine, models
from bnlab.config import CustomClassConfig, DataConfig, KerasEngineConfig, RunConfig
from bnlab.engine import Hyperparameters, Plan, Replicate
from bnlab.errors import UserError
from bnlab.launch.grouping import check_memory
from bnlab.machine import compiler
from bnlab.machine.threads import DEFAULT_THREADS
from bnlab.models import size_of
from bnlab.norms import SCHEMES
from bnlab.norms.dyt import DynamicTanh
from bnlab.seeds import weight_generator
from bnlab.store import check_writable
from bnlab.user_class import confined

WORTH_COMPILING = 500_000
"""Steps of a single run from which compiling has saved more than it cost: some 40 us a step against some 20 s at the
start. A stack's step is as fast recorded as it is compiled."""

WORTH_A_SECOND_THREAD = 5_000_000
"""Multiplications of a layer pass below which waiting for a second thread takes longer than it saves."""

SECONDS_OF_TRIAL = 60.0
"""For the import of a user's norm, its layers, and their passes."""

STAND_IN = SCHEMES["dyt"].configured("custom", alpha=0.5, affine=False)
"""In the place of a user's norm where only shapes matter: it takes every shape."""


def check(config: RunConfig) -> None:
    """Raises UserError for whatever would go wrong in training: data, batch sizes, norm on model, device, store."""
    check_writable(Path(config.runs_dir))
    device_of(config)
    check_memory(config)
    if config.compile is True:
        compiler.check("compile=true", "compile=false")
    split = split_of(config.data)
    scheme = SCHEMES.get(config.norm.of_activations().name)
    smallest = 2 if scheme is not None and scheme.batch_statistics else 1
    _check_batches(config.data, len(split.train), smallest)
    if isinstance(config.engine, KerasEngineConfig):
        keras_engine.check(config, config.engine, split)
        return
    if isinstance(config.norm, CustomClassConfig):
        _try_out(config.norm.target, json.dumps(config.norm.kwargs), config.norm.digest, _slots(config, split))
    models.build(config.model, config.norm, split.train.images[0].shape, split.classes, generator=None)


def _check_batches(config: DataConfig, images: int, smallest: int) -> None:
    limit = "null" if config.limit is None else config.limit
    left_by = f"data.validation_size={config.validation_size} and data.limit={limit}"
    data.check_batches(images, config.batch_size, config.drop_last, smallest, left_by=left_by)


@functools.lru_cache
def _try_out(target: str, kwargs: str, digest: str | None, slots: tuple[tuple[tuple[int, ...], ...], ...]) -> None:
    """Once for the jobs of a sweep that differ in nothing of it: a process takes as long to start as PyTorch does."""
    confined("bnlab.user_class.layer:try_out", target, json.loads(kwargs), slots, seconds=SECONDS_OF_TRIAL)


def _slots(config: RunConfig, split: data.Split) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """For each norm of the network, the shapes of its inputs, in batches of the sizes that training will bring."""
    image = split.train.images[0].shape
    model = models.build(config.model, STAND_IN, image, split.classes, generator=None)
    size, images = config.data.batch_size, len(split.train)
    shapes: dict[int, list[tuple[int, ...]]] = {}
    for samples in sorted({size, data.last_batch_size(images, size, config.data.drop_last)}, reverse=True):
        x = torch.zeros(samples, *image, device="meta")
        for number, layer in enumerate(model.layers):
            if isinstance(layer, DynamicTanh):
                shapes.setdefault(number, []).append(tuple(x.shape))
            x = layer(x)
    return tuple(tuple(of_layer) for of_layer in shapes.values())


def device_of(config: RunConfig) -> torch.device:
    """The device to train on. Raises UserError if this machine does not have it."""
    if config.engine.name == "keras":
        return torch.device("cpu")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(config.device)
        torch.zeros(1, device=device).item()  # the device `meta` has no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device={config.device} cannot be used here ({reason}); use auto or cpu") from error
    return device


def threads_for(config: RunConfig, replicates: int) -> int:
    """CPU threads for a stack: as configured, else one for a stack too small to share out, else PyTorch's choice."""
    if config.threads is not None:
        return config.threads
    size = size_of(config.model, data.IMAGE, data.classes_of(config.data.name))
    multiplications = replicates * config.data.batch_size * size.multiplications
    return 1 if multiplications < WORTH_A_SECOND_THREAD else DEFAULT_THREADS


def compiles(config: RunConfig, replicates: int, steps: int) -> bool:
    """Whether to compile the step; `compile=auto` does for a single run that is long enough, if a compiler works."""
    if config.compile == "auto":
        return replicates == 1 and steps >= WORTH_COMPILING and compiler.fault() is None
    return bool(config.compile)


def split_of(config: DataConfig) -> data.Split:
    """The dataset in its three parts. Raises UserError if it is not there or cannot be split so."""
    return _split(config.name, config.root, config.download, config.validation_size, config.limit, config.normalize)


def plan_of(config: RunConfig) -> Plan:
    """The length of the training in steps."""
    batch = config.data
    images = len(split_of(batch).train)
    steps_per_epoch = data.batches_per_epoch(images, batch.batch_size, batch.drop_last)
    total = config.steps if config.steps is not None else (config.epochs or 0) * steps_per_epoch
    return Plan(batch.batch_size, batch.drop_last, steps_per_epoch, total, config.eval_every)


def replicate(config: RunConfig, seed: int) -> Replicate:
    """The model of one seed with its initial weights, and its hyperparameters."""
    split = split_of(config.data)
    image = split.train.images[0].shape
    model = models.build(config.model, config.norm, image, split.classes, weight_generator(seed))
    return Replicate(model, seed, Hyperparameters(config.optimizer, config.schedule))


@functools.lru_cache(maxsize=8)
def _split(
    name: str, root: str | None, download: bool, validation_size: int, limit: int | None, normalize: str
) -> data.Split:
    """Made once a process: the jobs of a sweep share it."""
    source = _source(name, root, download)
    return data.split(source, validation_size=validation_size, limit=limit, normalize=normalize)


@functools.lru_cache(maxsize=2)
def _source(name: str, root: str | None, download: bool) -> data.Source:
    return data.load(name, None if root is None else Path(root).expanduser(), download)
