"""What `engine=keras` refuses, since it would train something else than was asked for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from bnlab.config import KerasEngineConfig, MLPConfig, RunConfig
from bnlab.data import Split
from bnlab.errors import SettingError, UserError, written
from bnlab.norms import keras_layers


def check(config: RunConfig, engine: KerasEngineConfig, split: Split) -> None:
    """Raises UserError for a setting that the engine does not support, and if Keras or its backend is missing."""
    for key, value, allowed in _limited(config, engine):
        if value not in allowed:
            takes = " or ".join(f"{key}={written(each)}" for each in allowed)
            raise SettingError(key, value, f"cannot be used with engine=keras, which takes {takes}")
    if importlib.util.find_spec(engine.backend) is None:
        raise UserError(f"engine.backend={engine.backend} needs {engine.backend}: pip install {engine.backend}")
    try:
        if config.norm.name != "none":
            keras_layers.maker(config.norm.name)
        keras_layers.load(engine.backend)
    except ValueError as error:
        raise UserError(f"engine=keras engine.backend={engine.backend} cannot be used here: {error}") from error
    from bnlab.keras_engine.program import build

    build(config, split, config.seed)


def _limited(config: RunConfig, engine: KerasEngineConfig) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """The settings of which the engine supports only some values: key, value, and the supported values."""
    if config.norm.name != "none":
        yield "norm.impl", config.norm.impl, ("keras",)
    if engine.backend != "torch":
        yield "threads", config.threads, (None,)  # they take all cores
    yield "model", config.model.name, ("mlp",)
    yield "optimizer", config.optimizer.name, ("adam", "sgd")
    yield "optimizer.weight_decay", config.optimizer.weight_decay, (0.0,)
    yield "schedule", config.schedule.name, ("constant",)
    yield "schedule.warmup_steps", config.schedule.warmup_steps, (0,)
    yield "optimizer.clip_norm", config.optimizer.clip_norm, (None,)
    yield "optimizer.adaptive_clip", config.optimizer.adaptive_clip, (None,)
    yield "data.accumulate", config.data.accumulate, (1,)
    yield "data.split_seed", config.data.split_seed, (None,)
    if isinstance(config.model, MLPConfig):
        yield "model.residual", config.model.residual, (False,)
        yield "model.dropout", config.model.dropout, (0.0,)
    yield "device", config.device, ("auto", "cpu")
    yield "eval_every", config.eval_every, (None,)
    yield "compile", config.compile, (False, "auto")
    yield "keep_checkpoint", config.keep_checkpoint, (False,)
