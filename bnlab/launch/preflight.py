"""Checks before a training that need more than the configuration: the data, the machine, the model, the store."""

from __future__ import annotations

from pathlib import Path

from bnlab import data, trackers
from bnlab.config import DataConfig, RunConfig
from bnlab.errors import UserError, written
from bnlab.launch.build import device_of, places, replicate, split_of
from bnlab.launch.capacity import check_memory
from bnlab.launch.engines import engine_of
from bnlab.machine import compiler
from bnlab.machine.threads import use_threads
from bnlab.models import is_of_batch
from bnlab.probes import check_layers
from bnlab.store import check_writable, read_tags, run_folder


@use_threads(1)
def check(config: RunConfig) -> None:
    """Raises UserError for what would go wrong in training: data, batch sizes, the norm in the model, device, store."""
    check_writable(Path(config.runs_dir))
    if config.tags:
        read_tags(run_folder(config))  # to which they are added at the end
    trackers.check(config.trackers())
    device_of(config)
    check_memory(config)
    if config.compile is True:
        compiler.check("compile=true", "compile=false")
    split = split_of(config.data)
    of_activations = config.norm.of_activations()
    _check_batches(config.data, len(split.train), smallest=2 if is_of_batch(of_activations) else 1)
    of_activations.check_batches(config.data.batch_size)
    engine_of(config).check(config)
    _check_probes(config)


def _check_probes(config: RunConfig) -> None:
    names = config.probes.names
    if names and not config.engine.trains_stacks:
        raise UserError(
            f"probes.names={written(names)} are measured by engine=bnlab only, not by engine={config.engine.name}"
        )
    if names and config.probes.layers is not None:
        check_layers(config.probes, replicate(config, seed=0).model, places(config))


def _check_batches(config: DataConfig, images: int, smallest: int) -> None:
    limit = "null" if config.limit is None else config.limit
    left_by = f"data.validation_size={config.validation_size} and data.limit={limit}"
    data.check_batches(images, config.batch_size, config.drop_last, smallest, left_by=left_by)
    if config.images_per_step > images:
        raise UserError(
            f"data.accumulate={config.accumulate} batches of data.batch_size={config.batch_size} are more than the"
            f" {images} training images that {left_by} leave; take fewer or smaller ones"
        )
