"""`bnlab train --dry-run`: what would be trained, how long and with how much memory, measured on the first steps.

Nothing is stored.
"""

from __future__ import annotations

import dataclasses
import math
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from bnlab import engine
from bnlab.config import RunConfig
from bnlab.engine import Evaluation, Observer, Observers, Plan
from bnlab.launch.arms import arms_of
from bnlab.launch.build import compiles, device_of, plan_of, replicate, split_of, threads_for
from bnlab.launch.durations import duration
from bnlab.launch.grouping import stacks_of
from bnlab.launch.job import Job
from bnlab.launch.outcomes import finished
from bnlab.machine import say, status

MEASURED_STEPS = 300
"""Steps of each stack that are measured; one epoch if that is shorter."""


@dataclass(frozen=True)
class Cost:
    """What the training of a stack takes, in seconds: at the start, for each step, and for each evaluation."""

    start: float
    step: float
    evaluation: float

    def of(self, plan: Plan) -> float:
        """The seconds of a whole training."""
        evaluations = math.ceil(plan.total_steps / plan.steps_per_epoch) + plan.total_steps // (
            plan.eval_every or math.inf
        )
        return self.start + plan.total_steps * self.step + evaluations * self.evaluation


def foresee(configs: Sequence[RunConfig]) -> None:
    """Prints how many replicates are stored, how many would be trained, and how much time and memory that takes."""
    jobs = {job.folder().path: job for config in configs for job in (Job(config, s) for s in config.replicate_seeds())}
    stored = finished(configs)
    missing = {path: job for path, job in jobs.items() if path not in stored}
    stacks = stacks_of(list(missing.values()))
    status.clear()
    console = Console(highlight=False)
    runs = {job.folder().path.parent: job.config for job in jobs.values()}
    by_run: dict[Path, dict[Path, Job]] = {run: {} for run in runs}
    for path, job in jobs.items():
        by_run[path.parent][path] = job
    for own, name in zip(by_run.values(), arms_of(list(runs.values())).names, strict=True):
        new = [str(job.seed) for path, job in own.items() if path in missing]
        seeds = f"to train: seeds {', '.join(new)}" if new else "nothing to train"
        say(f"{name}: {len(own) - len(new)} stored, {seeds}", console)
    many = f"{len(jobs)} replicate{'s' if len(jobs) > 1 else ''}"
    side_by_side = f" in {len(stacks)} stack{'s' if len(stacks) > 1 else ''}" if stacks else ""
    total = f"{many}: {len(jobs) - len(missing)} stored, {len(missing)} to train{side_by_side}"
    status.show("measuring")
    cost = _cost(stacks)
    status.clear()
    say(f"{total}; {cost}nothing was stored", console)


def _cost(stacks: Sequence[Sequence[Job]]) -> str:
    if not stacks:
        return ""
    if not all(stack[0].config.engine.trains_stacks for stack in stacks):
        return f"engine={stacks[0][0].config.engine.name} is not measured; "
    costs: dict[tuple[str, int, int], Cost] = {}
    seconds = 0.0
    for stack in stacks:
        config = stack[0].config
        kind = (repr(config.model), config.data.batch_size, len(stack))
        if kind not in costs:
            costs[kind] = measure(stack)
        seconds += costs[kind].of(plan_of(config))
    return f"about {duration(seconds)} and {_memory(stacks[0][0].config) / 1e9:.1f} GB of memory (measured); "


def measure(stack: Sequence[Job]) -> Cost:
    """Measures the cost of a stack: trains its first steps and evaluates once."""
    config = stack[0].config
    plan = plan_of(config)
    steps = min(MEASURED_STEPS, plan.total_steps, plan.steps_per_epoch)
    watch = _Watch()
    engine.train(
        [replicate(job.config, job.seed) for job in stack],
        split_of(config.data),
        dataclasses.replace(plan, total_steps=steps, eval_every=None),
        device_of(config),
        Observers([watch]),
        threads=threads_for(config, len(stack)),
        compiled=compiles(config, len(stack), plan.total_steps),
        warn=lambda line: None,
    )
    return watch.cost()


class _Watch(Observer):
    """Takes the time after each chunk of steps and after the evaluation."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._steps: list[tuple[int, float]] = []
        self._evaluated: float | None = None

    def trained(self, step: int, losses: Tensor) -> None:
        self._steps.append((step, time.perf_counter()))

    def evaluated(self, evaluation: Evaluation) -> None:
        self._evaluated = time.perf_counter()

    def cost(self) -> Cost:
        (first, early), (last, late) = self._steps[0], self._steps[-1]
        step = (late - early) / (last - first) if last > first else (late - self._began) / last
        evaluation = 0.0 if self._evaluated is None else self._evaluated - late
        return Cost(max(early - self._began - first * step, 0.0), step, evaluation)


def _memory(config: RunConfig) -> float:
    """The peak memory of this process so far, or of its share of the GPU, in bytes."""
    device = device_of(config)
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
