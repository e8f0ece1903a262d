"""`run` trains the replicates of configurations that are not stored yet; the rest finds and judges the results."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bnlab.config import RunConfig
from bnlab.launch.arms import arms_of
from bnlab.launch.job import Job
from bnlab.launch.progress import Progress
from bnlab.launch.scheduler import Launch, Results, version
from bnlab.machine import Interrupt, status
from bnlab.machine.threads import use_threads
from bnlab.store import ReplicateFolder, Result, State, add_tags, is_claimed, run_folder
from bnlab.trackers import Trackers


@dataclass(frozen=True)
class Outcome:
    """A replicate's stored result, and whether this call trained it."""

    job: Job
    folder: Path
    result: Result
    trained: bool


@use_threads(1)
def run(configs: Sequence[RunConfig]) -> list[list[Outcome]]:
    """The results of all replicates of all configurations. Those that are not stored yet are trained, in stacks.

    A replicate that fails is stored as failed and does not stop the others. If another process trains one, this waits.

    Args:
        configs: each has passed `preflight.check`.

    Raises:
        StorageError: results can no longer be written.
        KeyboardInterrupt: after Ctrl-C, SIGTERM or SIGHUP; the message says what was saved.
    """
    jobs = {folder.path: job for config in configs for folder, job in _replicates(config)}
    status.follow("looking for stored results")
    quiet = all(config.quiet for config in configs)
    by_run = {run_folder(config).name: config for config in configs}
    arms = dict(zip(by_run, arms_of(list(by_run.values())).names, strict=True))
    with Interrupt() as interrupt, Progress(arms, quiet=quiet) as progress, Trackers(progress.warn) as trackers:
        try:
            trained = Launch(jobs, progress, interrupt, trackers).train_all()
        finally:
            _tag(configs)
    return [[_outcome(folder, job, trained) for folder, job in _replicates(config)] for config in configs]


def finished(configs: Sequence[RunConfig]) -> set[Path]:
    """The folders of the replicates that are stored already and need no training."""
    replicates = [each for config in configs if not config.rerun for each in _replicates(config)]
    return {folder.path for folder, _ in replicates if folder.sufficient() is not None}


def stored_outcomes(
    configs: Sequence[RunConfig], before: Collection[Path], missing: State = State.FAILED
) -> list[list[Outcome]]:
    """The stored results of configurations that other processes may have trained.

    Those whose folders are not in `before`, the folders that were finished before, count as trained now; `missing` is
    the state of those of which nothing is stored.
    """

    def outcome(folder: ReplicateFolder, job: Job) -> Outcome:
        result = folder.result() or Result(seed=job.seed, state=missing, error="it was not trained")
        if result.state == State.RUNNING and not is_claimed(folder.path):  # its process was killed
            result = dataclasses.replace(result, state=State.INTERRUPTED)
        return Outcome(job, folder.path, result, folder.path not in before)

    return [[outcome(folder, job) for folder, job in _replicates(config)] for config in configs]


class Standing:
    """How far other processes have got with a run since this object was made."""

    def __init__(self, config: RunConfig) -> None:
        self._folders = [folder for folder, _ in _replicates(config)]
        self._rerun = config.rerun
        self._before = {folder.path: version(folder) for folder in self._folders}

    def is_begun(self) -> bool:
        """Whether anything was written of it."""
        return any(self._is_new(folder) for folder in self._folders)

    def is_final(self) -> bool:
        """Whether all of its results are there."""
        return all(
            folder.sufficient() is not None and (self._is_new(folder) or not self._rerun) for folder in self._folders
        )

    def failure(self) -> str:
        """What was stored of its failures, in a line; empty if there is none."""
        results = [folder.result() for folder in self._folders if self._is_new(folder)]
        failed = [each for each in results if each is not None and each.state == State.FAILED]
        return "; ".join(f"seed {each.seed}: {each.error}" for each in failed)

    def _is_new(self, folder: ReplicateFolder) -> bool:
        return version(folder) != self._before[folder.path]


def fresh_seeds(configs: Sequence[RunConfig]) -> list[int]:
    """The lowest seeds for which no configuration has a result, as many as `seeds=+5` asks for.

    All configurations get the same seeds, so that they can be compared in pairs, and seeds that none was chosen by.
    """
    fresh = (
        seed
        for seed in itertools.count()
        if all(ReplicateFolder(config, seed).finished() is None for config in configs)
    )
    return list(itertools.islice(fresh, max(config.more_seeds() for config in configs)))


def failures(outcomes: Sequence[Outcome]) -> str:
    """What went wrong in which seed, in one line; empty if nothing did. Divergence is a result, not a failure."""
    failed = [outcome for outcome in outcomes if outcome.result.state == State.FAILED]
    return "; ".join(f"seed {outcome.job.seed}: {outcome.result.error}" for outcome in failed)


def validation_accuracy(outcomes: Sequence[Outcome]) -> float | None:
    """The mean validation accuracy over the seeds, 0 for one that diverged; None if one has no validation score."""
    results = [outcome.result for outcome in outcomes]
    scores = [0.0 if each.state == State.DIVERGED else each.final.get("validation_accuracy") for each in results]
    known = [score for score in scores if score is not None]
    return fmean(known) if known and len(known) == len(scores) else None


def _tag(configs: Sequence[RunConfig]) -> None:
    """Adds the configurations' tags to those runs of which anything is stored."""
    for config in configs:
        folder = run_folder(config)
        if config.tags and folder.is_dir():
            add_tags(folder, config.tags)


def _replicates(config: RunConfig) -> list[tuple[ReplicateFolder, Job]]:
    jobs = [Job(config, seed) for seed in config.replicate_seeds()]
    return [(job.folder(), job) for job in jobs]


def _outcome(folder: ReplicateFolder, job: Job, trained: Results) -> Outcome:
    result = trained.get(folder.path) or folder.result()
    if result is None:
        result = Result(seed=job.seed, state=State.FAILED, error="its result was removed meanwhile")
    return Outcome(job, folder.path, result, folder.path in trained)
