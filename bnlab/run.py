"""Trains the replicates of configurations that are not stored yet, and stores them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from bnlab import environment
from bnlab.config import RunConfig
from bnlab.grouping import Job, stacks_of
from bnlab.prepare import check, compiles, device_of, plan_of, replicate, split_of, threads_for
from bnlab.progress import Progress
from bnlab.record import Recorder
from bnlab.store import ReplicateFolder
from bnlab.train import Observer, train


@dataclass(frozen=True)
class Outcome:
    """A replicate's stored result, and whether this call trained it."""

    job: Job
    folder: Path
    result: dict[str, Any]
    trained: bool


def run(configs: Sequence[RunConfig]) -> list[list[Outcome]]:
    """The results of all replicates of all configurations: stored ones, and the others trained in stacks.

    A replicate that fails is stored as failed and does not stop the others.

    Raises:
        UserError: as `check` does for the first configuration that is not fit; nothing is written then.
    """
    for config in configs:
        check(config)
    jobs = {folder.path: job for config in configs for folder, job in _replicates(config)}
    missing = [job for job in jobs.values() if job.config.rerun or job.folder().finished() is None]
    stacks = stacks_of(missing)
    trained: dict[Path, dict[str, Any]] = {}
    plans = [plan_of(stack[0].config) for stack in stacks]
    with Progress(stacks, plans, quiet=all(config.quiet for config in configs)) as progress:
        for stack in stacks:
            trained |= _train_or_split(stack, progress)
    return [[_outcome(folder, job, trained) for folder, job in _replicates(config)] for config in configs]


def failures(outcomes: Sequence[Outcome]) -> str:
    """What went wrong in which seed, in one line; empty if nothing did. Divergence is a result, not a failure."""
    failed = [outcome for outcome in outcomes if outcome.result["state"] == "failed"]
    return "; ".join(f"seed {outcome.job.seed}: {outcome.result['error']}" for outcome in failed)


def validation_accuracy(outcomes: Sequence[Outcome]) -> float | None:
    """The mean over the seeds; None without a validation set or where a seed diverged before its first evaluation."""
    finals = [outcome.result["final"].get("validation_accuracy") for outcome in outcomes]
    return None if None in finals else fmean(finals)


def _replicates(config: RunConfig) -> list[tuple[ReplicateFolder, Job]]:
    jobs = [Job(config, seed) for seed in config.replicate_seeds()]
    return [(job.folder(), job) for job in jobs]


def _outcome(folder: ReplicateFolder, job: Job, trained: dict[Path, dict[str, Any]]) -> Outcome:
    result = trained.get(folder.path) or folder.result()
    if result is None:
        result = {"state": "failed", "seed": job.seed, "error": "its result was removed meanwhile", "final": {}}
    return Outcome(job, folder.path, result, folder.path in trained)


def _train_or_split(stack: Sequence[Job], progress: Progress) -> dict[Path, dict[str, Any]]:
    """Trains a stack; if it fails, each replicate alone, so that only those at fault are lost."""
    try:
        return _train_stack(stack, progress)
    except Exception as error:
        if len(stack) == 1:
            folder = stack[0].folder()
            return {folder.path: folder.result() or {"state": "failed", "error": str(error), "final": {}}}
        progress.say(f"a stack of {len(stack)} failed ({error}); training its replicates one by one")
        results: dict[Path, dict[str, Any]] = {}
        for job in stack:
            results |= _train_or_split([job], progress)
        return results


def _train_stack(stack: Sequence[Job], progress: Progress) -> dict[Path, dict[str, Any]]:
    """Trains the replicates that no other process has trained meanwhile; their results by folder."""
    with contextlib.ExitStack() as locks:
        # In one order for all processes, so that two cannot wait for each other.
        for job in sorted(stack, key=lambda job: job.folder().path):
            locks.enter_context(job.folder().lock())
        jobs = [job for job in stack if job.config.rerun or job.folder().finished() is None]
        if not jobs:
            return {}
        config = jobs[0].config
        device, plan, split = device_of(config), plan_of(config), split_of(config.data)
        torch.set_num_threads(threads_for(config, len(jobs)))
        recorder = Recorder([job.folder() for job in jobs], environment.describe(str(device)))
        with recorder:
            replicates = [replicate(job.config, job.seed) for job in jobs]
            observers: list[Observer] = [recorder, progress.of_stack(jobs, plan)]
            train(replicates, split, plan, device, observers, compiled=compiles(config, len(jobs), plan.total_steps))
        return {job.folder().path: result for job, result in zip(jobs, recorder.results, strict=True)}
