"""From a legal configuration to a stored result: checks, builds, trains, records."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bnlab import data, environment, models
from bnlab.config import RunConfig
from bnlab.errors import UserError
from bnlab.norms import SCHEMES
from bnlab.progress import Progress
from bnlab.record import Recorder
from bnlab.seeds import weight_generator
from bnlab.store import ReplicateFolder, check_writable
from bnlab.train import Plan, Replicate, train


@dataclass(frozen=True)
class Outcome:
    """A replicate's stored result, and whether this call trained it."""

    folder: Path
    result: dict[str, Any]
    trained: bool


def check(config: RunConfig) -> None:
    """Raises UserError for whatever would go wrong in training: data, batch sizes, norm on model, device, store."""
    check_writable(Path(config.runs_dir))
    device_of(config)
    part = _split(config)
    batch = config.data
    smallest = 2 if SCHEMES[config.norm.name].batch_statistics else 1
    data.check_batches(len(part.train), batch.batch_size, batch.drop_last, smallest)
    models.build(config.model, config.norm, part.train.images[0].numel(), part.classes, generator=None)


def run(config: RunConfig) -> Outcome:
    """Trains the configuration's replicate, or returns its stored result.

    Raises:
        UserError: as `check` does; nothing is written then.
    """
    check(config)
    folder = ReplicateFolder(config, config.seed)
    stored = folder.finished()
    if stored is not None and not config.rerun:
        return Outcome(folder.path, stored, trained=False)
    with folder.lock():
        stored = folder.finished()
        if stored is not None and not config.rerun:
            return Outcome(folder.path, stored, trained=False)
        return Outcome(folder.path, _train(config, folder), trained=True)


def _train(config: RunConfig, folder: ReplicateFolder) -> dict[str, Any]:
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    device = device_of(config)
    split = _split(config)
    plan = plan_of(config, len(split.train))
    recorder = Recorder([folder], environment.describe(str(device)))
    with Progress(plan, [folder.run.name], quiet=config.quiet) as progress, recorder:
        train([_replicate(config, split)], split, plan, device, [recorder, progress])
    return recorder.results[0]


def plan_of(config: RunConfig, train_images: int) -> Plan:
    """The length of the training in steps."""
    batch = config.data
    steps_per_epoch = data.batches_per_epoch(train_images, batch.batch_size, batch.drop_last)
    total = config.steps if config.steps is not None else (config.epochs or 0) * steps_per_epoch
    return Plan(batch.batch_size, batch.drop_last, steps_per_epoch, total, config.eval_every)


def device_of(config: RunConfig) -> torch.device:
    """The device to train on. Raises UserError if this machine does not have it."""
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(config.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device={config.device} cannot be used here ({reason}); use auto or cpu") from error
    return device


def _replicate(config: RunConfig, split: data.Split) -> Replicate:
    generator = weight_generator(config.seed)
    model = models.build(config.model, config.norm, split.train.images[0].numel(), split.classes, generator)
    return Replicate(model, config.seed, config.optimizer, config.schedule)


def _split(config: RunConfig) -> data.Split:
    chosen = config.data
    source = _source(chosen.name, chosen.root, chosen.download)
    return data.split(source, validation_size=chosen.validation_size, limit=chosen.limit, normalize=chosen.normalize)


@functools.cache
def _source(name: str, root: str | None, download: bool) -> data.Source:
    """Read once a process: the jobs of a sweep share it."""
    return data.load(name, None if root is None else Path(root).expanduser(), download)
