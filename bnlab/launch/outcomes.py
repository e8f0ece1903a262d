"""Trains the replicates of configurations that are not stored yet, and stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bnlab.config import RunConfig
from bnlab.launch.job import Job
from bnlab.launch.progress import Progress
from bnlab.launch.scheduler import Launch, Results
from bnlab.machine import Interrupt
from bnlab.machine.threads import use_threads
from bnlab.store import ReplicateFolder, Result, State


@dataclass(frozen=True)
class Outcome:
    """A replicate's stored result, and whether this call trained it."""

    job: Job
    folder: Path
    result: Result
    trained: bool


@use_threads(1)
def run(configs: Sequence[RunConfig]) -> list[list[Outcome]]:
    """The results of all replicates of all configurations: stored ones, and the others trained in stacks.

    A replicate that fails is stored as failed and does not stop the others. What another process trains is waited for.

    Args:
        configs: each has passed `prepare.check`.

    Raises:
        StorageError: results can no longer be written.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, with what was saved.
    """
    jobs = {folder.path: job for config in configs for folder, job in _replicates(config)}
    quiet = all(config.quiet for config in configs)
    with Interrupt() as interrupt, Progress(quiet=quiet) as progress:
        trained = Launch(jobs, progress, interrupt).train_all()
    return [[_outcome(folder, job, trained) for folder, job in _replicates(config)] for config in configs]


def failures(outcomes: Sequence[Outcome]) -> str:
    """What went wrong in which seed, in one line; empty if nothing did. Divergence is a result, not a failure."""
    failed = [outcome for outcome in outcomes if outcome.result.state == State.FAILED]
    return "; ".join(f"seed {outcome.job.seed}: {outcome.result.error}" for outcome in failed)


def validation_accuracy(outcomes: Sequence[Outcome]) -> float | None:
    """The mean over the seeds; None without a validation set or where a seed diverged before its first evaluation."""
    finals = [outcome.result.final.get("validation_accuracy") for outcome in outcomes]
    known = [final for final in finals if final is not None]
    return fmean(known) if len(known) == len(finals) else None


def _replicates(config: RunConfig) -> list[tuple[ReplicateFolder, Job]]:
    jobs = [Job(config, seed) for seed in config.replicate_seeds()]
    return [(job.folder(), job) for job in jobs]


def _outcome(folder: ReplicateFolder, job: Job, trained: Results) -> Outcome:
    result = trained.get(folder.path) or folder.result()
    if result is None:
        result = Result(seed=job.seed, state=State.FAILED, error="its result was removed meanwhile")
    return Outcome(job, folder.path, result, folder.path in trained)
