"""The work of a launch: trains stack after stack, splits those that fail, and waits for those of other processes."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from bnlab.engine import Observer, Observers
from bnlab.errors import StorageError, UnreadableError
from bnlab.launch.build import device_of, places, plan_of, threads_for
from bnlab.launch.checkpoints import Checkpoints
from bnlab.launch.engines import Surroundings, engine_of
from bnlab.launch.job import Job
from bnlab.launch.progress import Progress
from bnlab.launch.recorder import Recorder
from bnlab.launch.stacks import Stack, plan
from bnlab.machine import Interrupt
from bnlab.probes import Probes
from bnlab.store import ReplicateFolder, Result, State, claimed, environment, wait_for
from bnlab.store.checkpoint_file import to_bytes
from bnlab.trackers import Tracked, Trackers

LEAVE_ALONE = "It is left as it is: use the bnlab that wrote it, another runs_dir, or `bnlab runs rm` to train anew"
Results = dict[Path, Result]


class Launch:
    """Trains the replicates of one command.

    Args:
        jobs: the replicates, by their folders' paths.
        progress: shows what happens.
        interrupt: whether the user wants to stop.
    """

    def __init__(self, jobs: Mapping[Path, Job], progress: Progress, interrupt: Interrupt, trackers: Trackers) -> None:
        self._jobs, self._progress, self._interrupt, self._trackers = jobs, progress, interrupt, trackers
        self._trained: Results = {}
        # With `rerun=true` a result must be newer than this one, whichever process trains it.
        self._before = {path: _version(job.folder()) for path, job in jobs.items() if job.config.rerun}

    def train_all(self) -> Results:
        """Trains until all replicates are stored; returns the results of those that were trained here."""
        self._restore_configs()
        self._tell_what_was_not_probed()
        whole = True
        while stacks := self._plan():
            busy = [folder for stack in stacks for folder in self._attempt(stack, whole=whole)]
            if busy and not whole:
                wait_for(busy[0], self._progress.say)
            # From now on also train the free part of a stack whose other part another process has.
            whole = False
        return self._trained

    def _restore_configs(self) -> None:
        """Writes the config.yaml of stored runs that have lost theirs, without which results cannot be read."""
        runs = {path.parent: job.folder() for path, job in self._jobs.items() if path.exists()}
        for folder in runs.values():
            if folder.foreign() is None and folder.finished() is not None:
                folder.write_config()

    def _tell_what_was_not_probed(self) -> None:
        folders = [job.folder() for job in self._jobs.values() if job.config.probes.names and not job.config.rerun]
        count = sum(folder.finished() is not None and folder.sufficient() is None for folder in folders)
        if count:
            stored = "1 replicate is" if count == 1 else f"{count} replicates are"
            self._progress.say(f"{stored} stored without these probes, which are measured in training: training again")

    def _plan(self) -> list[Stack]:
        stacks = plan(self._jobs, [path for path in self._jobs if self._is_missing(path)])
        if stacks:
            steps = sum(len(stack.wanted) * plan_of(stack.config).total_steps for stack in stacks)
            self._progress.expect(len(stacks), steps)
        return stacks

    def _is_missing(self, path: Path) -> bool:
        folder = self._jobs[path].folder()
        if path not in self._trained and (foreign := folder.foreign()):
            self._trained[path] = _result_of_failure(self._jobs[path].seed, f"{foreign}. {LEAVE_ALONE}")
        if path in self._trained:
            return False
        return folder.sufficient() is None or self._before.get(path) == _version(folder)

    def _attempt(self, stack: Stack, *, whole: bool) -> list[ReplicateFolder]:
        """Trains the replicates of a stack that no other process has; returns those that others have.

        `whole`: train only if all are free.
        """
        wanted = {path: stack.members[path].folder() for path in stack.wanted}
        whole = whole or stack.is_started()
        with claimed(Path(stack.config.runs_dir), list(wanted.values()), whole=whole) as held:
            free = [path for path in held if self._is_missing(path)]
            for path in free:
                self._set_damaged_aside(wanted[path])
            if free:
                self._trained |= self._train_or_split(stack.only(free))
        return [folder for path, folder in wanted.items() if path not in held]

    def _set_damaged_aside(self, folder: ReplicateFolder) -> None:
        done = folder.set_damaged_aside()
        if done:
            self._progress.say(done)
            folder.log(done)

    def _train_or_split(self, stack: Stack) -> Results:
        """Trains a stack. If it fails, trains each replicate alone, so that only faulty ones are lost.

        A stack that does not fit into memory is halved.
        """
        if len(stack.wanted) > 1 and stack.was_too_large():
            self._progress.say(f"a stack of {len(stack.members)} was killed for lack of memory; halving it")
            return self._train_in_parts(stack, 2)
        try:
            return self._train(stack)
        except (StorageError, UnreadableError):
            raise  # the next stack could not be stored either
        except Exception as error:
            if len(stack.members) == 1:
                stack.forget()
                return {path: _failure(job, error) for path, job in stack.members.items()}
            memory = _is_lack_of_memory(error)
            what = "does not fit the memory; halving it" if memory else f"failed ({error}); training one by one"
            self._progress.say(f"a stack of {len(stack.members)} {what}")
            count = min(2, len(stack.wanted)) if memory else len(stack.wanted)
        return self._train_in_parts(stack, count)

    def _train_in_parts(self, stack: Stack, count: int) -> Results:
        stack.forget()
        parts = stack.parts(count)
        return {path: result for part in parts for path, result in self._train_or_split(part).items()}

    def _train(self, stack: Stack) -> Results:
        """Trains a stack to its end, from its last checkpoint if it has one."""
        stack.keep(started=True, in_training=True)
        gc.collect()  # frees the models of the stack before, which have reference cycles
        try:
            return self._train_to_its_end(stack)
        except KeyboardInterrupt:
            stack.keep(started=True)
            raise

    def _train_to_its_end(self, stack: Stack) -> Results:
        jobs, config = list(stack.members.values()), stack.config
        device = device_of(config)
        threads = threads_for(config, len(jobs))
        folders = [job.folder() if path in stack.wanted else None for path, job in stack.members.items()]
        environments = {
            path: environment.describe(str(device), threads, keras=job.config.uses_keras())
            for path, job in stack.members.items()
        }
        recorder = Recorder(folders, environments, stack.company, environment.command(), stack.probed)
        versions = environment.versions(keras=any(job.config.uses_keras() for job in jobs))
        say, every = self._progress.say, config.checkpoint_every
        steps = plan_of(config).total_steps
        checkpoints = Checkpoints(stack.folder, stack.names, steps, every, versions, recorder, self._interrupt, say)
        with self._interrupt.deferred():
            trackers = self._trackers.of_stack(
                {index: Tracked(job.config, job.seed) for index, job in enumerate(jobs) if folders[index] is not None}
            )
            with Observers([recorder, self._progress.of_stack(), *_probes(jobs), *trackers]) as observers:
                around = Surroundings(observers, checkpoints, self._interrupt, say)
                trained = engine_of(config).train(jobs, threads, around)
                for (path, job), model in zip(stack.members.items(), trained, strict=True):
                    if model is not None and path in stack.wanted and job.config.keep_checkpoint:
                        job.folder().write_weights(to_bytes(model))
            stack.forget()
        return recorder.results


def _probes(jobs: Sequence[Job]) -> list[Observer]:
    """The observer of the probes that the jobs ask for, in a list; empty if they ask for none."""
    config = jobs[0].config.probes
    if not config.names:
        return []
    return [Probes(config, [places(job.config) for job in jobs])]


def _version(folder: ReplicateFolder) -> int | None:
    """A number that changes whenever the result is written; None if there is no result."""
    try:
        return (folder.path / "result.json").stat().st_mtime_ns
    except OSError:
        return None


def _failure(job: Job, error: Exception) -> Result:
    stored = job.folder().result()
    if stored is not None and stored.state == State.FAILED:
        return stored
    return _result_of_failure(job.seed, f"{type(error).__name__}: {error}")


def _result_of_failure(seed: int, error: str) -> Result:
    return Result(seed=seed, state=State.FAILED, error=error)


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether memory was lacking. PyTorch's CPU allocator raises a plain RuntimeError, known by its text."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(w in str(error).lower() for w in words)
