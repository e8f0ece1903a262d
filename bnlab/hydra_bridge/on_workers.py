"""The jobs of a sweep in processes that a launcher starts, here or elsewhere: who trains what, and how it ended.

A job is one run with its seeds, or with `stack.jobs` as many runs as make so many jobs. What a job has done is on disk;
so a launcher that gives up, since one of its workers died, does not take the others' results with it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from omegaconf import DictConfig

from bnlab.config import RunConfig
from bnlab.errors import StorageError, UserError, shown
from bnlab.hydra_bridge.commanded import environ
from bnlab.hydra_bridge.main import job
from bnlab.hydra_bridge.work import results_of

if TYPE_CHECKING:
    from bnlab.launch import Standing

THREADS = "OMP_NUM_THREADS"
"""The variable by which PyTorch is told how many threads to compute with; launchers set it too."""

Launch = Callable[[Sequence[int]], Sequence[JobReturn]]
"""Has a launcher run some of the jobs, by their numbers; raises whatever the launcher raises."""


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Workers:
    """Of a launcher.

    Attributes:
        count: how many work at a time; None: unknown.
        at_once: jobs that may be handed to the launcher together; None: all.
        threads: of each; None: the launcher sees to it.
    """

    count: int | None
    at_once: int | None = None
    threads: int | None = None


def workers_of(launcher: Mapping[str, Any]) -> Workers:
    """Those that the settings of a launcher, `hydra.launcher`, stand for."""
    kind = str(launcher.get("_target_", "")).rpartition(".")[2]
    if kind == "JoblibLauncher":
        count = int(launcher.get("n_jobs") or 1)
        return Workers(count if count > 0 else max(1, cores() + 1 + count))
    if kind == "LocalLauncher":  # starts all jobs that it gets
        each = int(launcher.get("cpus_per_task") or 1)
        count = max(1, cores() // each)
        return Workers(count, at_once=count, threads=each)
    if kind == "SlurmLauncher":
        return Workers(int(launcher["array_parallelism"]), threads=launcher.get("cpus_per_task"))
    if kind == "RayLauncher":
        init, remote = launcher["ray"]["init"], launcher["ray"]["remote"]
        has = init.get("num_cpus") or (cores() if init.get("address") is None else None)
        return Workers(None if has is None else max(1, int(has / (remote.get("num_cpus") or 1))))
    return Workers(1 if kind == "BasicLauncher" else None)


def groups_of(configs: Sequence[RunConfig], workers: Workers) -> list[list[int]]:
    """The runs of each job, by their numbers: one each, or with `stack.jobs` those of one shape together."""
    wanted = configs[0].stack.jobs
    if wanted is None:
        return [[number] for number in range(len(configs))]
    count = workers.count if wanted == "auto" else int(wanted)
    if count is None:
        raise UserError("stack.jobs=auto: nobody knows how many workers this launcher has; write stack.jobs=NUMBER")
    from bnlab.launch import shared_out

    return shared_out(configs, count)


@dataclass(frozen=True)
class Gathered:
    """Hydra's task for jobs of several runs each. Launchers send it to other processes, all of it with every job.

    Attributes:
        groups: the configurations of a job, pickled and compressed, by the overrides of its first run.
    """

    groups: Mapping[tuple[str, ...], bytes]

    @classmethod
    def of(
        cls, groups: Sequence[Sequence[int]], jobs: Sequence[Sequence[str]], configs: Sequence[RunConfig]
    ) -> Gathered:
        """The task for these runs of each job."""
        return cls(
            {
                tuple(filter_overrides(jobs[group[0]])): zlib.compress(pickle.dumps([configs[each] for each in group]))
                for group in groups
            }
        )

    def __call__(self, composed: DictConfig) -> list[str]:
        """Trains a job's runs side by side; returns for each what went wrong."""
        from bnlab.launch import failures

        packed = self.groups[tuple(HydraConfig.get().overrides.task)]
        return [failures(outcomes) for outcomes in results_of(pickle.loads(zlib.decompress(packed)))]


def task_of(groups: Sequence[Sequence[int]], jobs: Sequence[Sequence[str]], configs: Sequence[RunConfig]) -> Any:
    """Hydra's task for these groups."""
    return job if all(len(group) == 1 for group in groups) else Gathered.of(groups, jobs, configs)


@contextlib.contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Processes that are started meanwhile compute with so many threads, unless the user has said how many."""
    if threads is None or THREADS in os.environ:
        yield
    else:
        with environ(THREADS, str(threads)):
            yield


def returned(wait: Callable[[], JobReturn], overrides: Sequence[str]) -> JobReturn:
    """What a job returned; a failure if its worker has died."""
    try:
        return wait()
    except Exception as error:
        return died(error, list(overrides))


def died(error: Exception, overrides: Sequence[str] | None = None) -> JobReturn:
    """The end of a job whose worker died.

    The reason is one line: launchers give it in the first two of theirs, which are followed by the worker's output.
    """
    first = " ".join(" ".join(str(error).strip().splitlines()[:2]).split())
    reason = f"its worker died: {type(error).__name__}: {shown(first)}; repeat the command to go on"
    return JobReturn(overrides=overrides, status=JobStatus.FAILED, _return_value=RuntimeError(reason))


def ends_of(groups: Sequence[Sequence[int]], standings: Sequence[Standing], launch: Launch) -> dict[int, str]:
    """Has all groups trained; what went wrong with each run of which something did, by its number.

    Where the launcher gives up, since a worker died, nobody knows whose it was: of the groups that were begun each is
    tried once more, alone, and the others then go on.

    Args:
        groups: the runs of each job.
        standings: of the runs.
        launch: runs jobs.
    """
    ends: dict[int, JobReturn] = {}
    left = list(range(len(groups)))
    while left:
        try:
            ends |= zip(left, launch(left), strict=True)
        except (UserError, StorageError):
            raise
        except Exception as error:
            begun = [number for number in left if any(standings[run].is_begun() for run in groups[number])]
            for number in begun or left[:1]:
                ends[number] = _alone(number, groups[number], standings, launch, error)
        left = [number for number in left if number not in ends]
    return {
        run: reason
        for number, group in enumerate(groups)
        for run, reason in zip(group, _reasons(ends[number], group, standings), strict=True)
        if reason
    }


def _alone(
    number: int, group: Sequence[int], standings: Sequence[Standing], launch: Launch, error: Exception
) -> JobReturn:
    if all(standings[run].is_final() for run in group):
        return died(error)
    try:
        (ended,) = launch([number])
    except (UserError, StorageError):
        raise
    except Exception as again:
        return died(again)
    return ended


def _reasons(ended: JobReturn, group: Sequence[int], standings: Sequence[Standing]) -> list[str]:
    """What went wrong with each run of a job; nothing with one whose results are there, however the job ended."""
    if ended.status == JobStatus.COMPLETED:
        return list(ended._return_value) if len(group) > 1 else [""]
    reason = " ".join(str(ended._return_value).split())
    return ["" if standings[run].is_final() else standings[run].failure() or reason for run in group]
