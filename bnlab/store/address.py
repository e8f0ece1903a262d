"""The address of a run: runs/<label>-<hash>/, made of what is trained."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bnlab.config import RunConfig


def run_folder(config: RunConfig) -> Path:
    """The run's address: equal protocols share it, whatever their seeds, device or paths."""
    protocol = json.dumps(config.protocol(), sort_keys=True)
    digest = hashlib.sha256(protocol.encode()).hexdigest()[:10]
    return Path(config.runs_dir) / f"{label(config)}-{digest}"


def label(config: RunConfig) -> str:
    """The readable part of the folder's name."""
    if config.label is not None:
        return config.label
    return f"{config.norm.label()}-{config.model.name}{config.engine.label()}"
