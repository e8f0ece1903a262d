"""Which replicates train together: a stack has one shape, one batch size, one dataset and one length."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from bnlab.config import RunConfig
from bnlab.data import IMAGE, classes_of
from bnlab.engine import EVALUATION_BATCH
from bnlab.errors import UserError, shown
from bnlab.models import size_of
from bnlab.store import ReplicateFolder

BYTES_PER_WEIGHT = 4 * 6
"""Per weight: the value, its gradient, Adam's two moments, the plain model, and room for temporaries."""

BYTES_PER_ACTIVATION = 4 * 2
"""Per value that a layer gives: the value and its gradient."""


@dataclass(frozen=True)
class Job:
    """One replicate to train."""

    config: RunConfig
    seed: int

    def folder(self) -> ReplicateFolder:
        return ReplicateFolder(self.config, self.seed)


def stacks_of(jobs: Sequence[Job]) -> list[list[Job]]:
    """The jobs in stacks, each ordered so that replicates with the same layers and hyperparameters are neighbours."""
    ordered = sorted(jobs, key=lambda job: (_stack_key(job.config), _layer_key(job.config), job.seed))
    grouped = [list(group) for _, group in itertools.groupby(ordered, key=lambda job: _stack_key(job.config))]
    return [part for group in grouped for part in _cut(group, max_replicates(group[0].config))]


def max_replicates(config: RunConfig) -> int:
    """How many replicates of this shape may train side by side."""
    if config.engine.name == "keras":
        return 1
    if config.stack.max_replicates != "auto":
        return int(config.stack.max_replicates)
    return max(1, int(_memory() / 4 / _bytes_per_replicate(config)))


def check_memory(config: RunConfig) -> None:
    """Raises UserError for a model of which not even one replicate fits the machine's memory."""
    needed, memory = _bytes_per_replicate(config), _memory()
    if needed > memory:
        widths = ", ".join(f"model.{key}={value}" for key, value in config.model.shape().items() if key != "name")
        raise UserError(
            f"{shown(widths)} with data.batch_size={config.data.batch_size} needs some {needed / 1e9:.1f} GB to train, "
            f"and this machine has {memory / 1e9:.1f} GB; take smaller widths"
        )


def _memory() -> int:
    """Of the machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _bytes_per_replicate(config: RunConfig) -> int:
    """A generous estimate: weights, their optimizer's state, and the activations of the largest batch."""
    size = size_of(config.model, IMAGE, classes_of(config.data.name))
    activations = max(config.data.batch_size, EVALUATION_BATCH) * size.activations
    return BYTES_PER_WEIGHT * size.weights + BYTES_PER_ACTIVATION * activations


def _stack_key(config: RunConfig) -> str:
    protocol = config.protocol()
    shared = {name: protocol.get(name) for name in ("data", "epochs", "steps", "eval_every", "engine")}
    here = (
        config.runs_dir,
        config.data.root,
        config.device,
        config.threads,
        config.compile,
        config.stack.max_replicates,
    )
    return json.dumps([config.model.shape(), shared, here], sort_keys=True)


def _layer_key(config: RunConfig) -> str:
    protocol = config.protocol()
    return json.dumps([protocol[name] for name in ("norm", "model", "optimizer", "schedule")], sort_keys=True)


def _cut(jobs: list[Job], size: int) -> list[list[Job]]:
    """Parts of nearly equal length, at most `size` each."""
    parts = -(-len(jobs) // size)
    length = -(-len(jobs) // parts)
    return [jobs[start : start + length] for start in range(0, len(jobs), length)]
