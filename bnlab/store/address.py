"""The folder of a run, runs/<label>-<hash>/: its name follows from the configuration that is trained."""

from __future__ import annotations

from pathlib import Path

from bnlab.config import RunConfig
from bnlab.store.config_file import protocol_hash


def run_folder(config: RunConfig) -> Path:
    """The run's folder. The same for equal protocols (`RunConfig.protocol`), whatever their seeds, device or paths."""
    return Path(config.runs_dir) / f"{label(config)}-{protocol_hash(config.protocol())}"


def label(config: RunConfig) -> str:
    """The readable part of the folder's name: the user's label, or else scheme, model and engine."""
    if config.label is not None:
        return config.label
    return f"{config.norm.label()}-{config.model.name}{config.engine.label()}"
