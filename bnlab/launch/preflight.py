"""The checks of a legal configuration that need data, the machine, or the user's class."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import torch

from bnlab import data, keras_engine, models
from bnlab.config import CustomClassConfig, DataConfig, DyTConfig, KerasEngineConfig, RunConfig
from bnlab.launch.build import device_of, split_of
from bnlab.launch.capacity import check_memory
from bnlab.machine import compiler
from bnlab.norms import SCHEMES
from bnlab.norms.dyt import DynamicTanh
from bnlab.store import check_writable
from bnlab.user_class import confined

SECONDS_OF_TRIAL = 60.0
"""For the import of a user's norm, its layers, and their passes."""

STAND_IN = DyTConfig("dyt", "custom", alpha=0.5, affine=False)
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
