"""Which replicates train together: those of a stack have models of one shape, the same data, batches and length."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

from bnlab.config import RunConfig
from bnlab.launch.capacity import max_replicates
from bnlab.launch.job import Job


def stacks_of(jobs: Sequence[Job]) -> list[list[Job]]:
    """Groups the jobs into stacks. In a stack, replicates with the same layers and hyperparameters are neighbours."""
    ordered = sorted(jobs, key=lambda job: (_stack_key(job.config), _layer_key(job.config), job.seed))
    grouped = [list(group) for _, group in itertools.groupby(ordered, key=lambda job: _stack_key(job.config))]
    return [part for group in grouped for part in _cut(group, max_replicates(group[0].config))]


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
        vars(config.probes),
    )
    return json.dumps([config.model.shape(), shared, here], sort_keys=True)


def _layer_key(config: RunConfig) -> str:
    protocol = config.protocol()
    return json.dumps([protocol[name] for name in ("norm", "model", "optimizer", "schedule")], sort_keys=True)


def _cut(jobs: list[Job], size: int) -> list[list[Job]]:
    """Cuts the jobs into parts of nearly equal length, of at most `size` each."""
    parts = -(-len(jobs) // size)
    length = -(-len(jobs) // parts)
    return [jobs[start : start + length] for start in range(0, len(jobs), length)]
