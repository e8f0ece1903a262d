"""Which stacks a launch trains, kept on disk until they are done: `runs/.stacks/<digest>/members.json`.

The bits of a replicate's result depend a little on who else is in its stack (batched products round differently), so
a stack that was interrupted is trained to its end with the members it had. The digest is of these members.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bnlab.config import RunConfig
from bnlab.launch.capacity import max_replicates
from bnlab.launch.grouping import stacks_of
from bnlab.launch.job import Job
from bnlab.machine import memory
from bnlab.store import STACKS, Company, Probed, StackRecord, environment, finished, stack_file


@dataclass(frozen=True)
class Stack:
    """Replicates that train together, by the paths of their folders.

    Args:
        members: all, in order.
        wanted: those to store. The others have a result already, and keep the bits of these as they were.
    """

    members: Mapping[Path, Job]
    wanted: Collection[Path]

    @property
    def config(self) -> RunConfig:
        """The first one's, for what all share."""
        return next(iter(self.members.values())).config

    @property
    def folder(self) -> Path:
        """Where its record and its checkpoints are."""
        probed = [asdict(self.probed)] if self.probed is not None else []
        return Path(self.config.runs_dir) / STACKS / _digest([self.names, self.config.rerun, *probed])

    @property
    def probed(self) -> Probed | None:
        """How all of them are probed."""
        return Probed.of(self.config.probes)

    @property
    def names(self) -> list[str]:
        """Its members' folders in runs_dir, in order."""
        return [f"{path.parent.name}/{path.name}" for path in self.members]

    @property
    def company(self) -> Company:
        """As stored with each member's result."""
        return Company(len(self.members), _digest(self.names))

    def keep(self, *, started: bool, in_training: bool = False) -> None:
        """Writes the record."""
        self._record(started=started, oom_kills=memory.out_of_memory_kills() if in_training else None).write()

    def forget(self) -> None:
        """Removes the record and the checkpoints."""
        self._record(started=True).forget()

    def only(self, paths: Collection[Path]) -> Stack:
        """The stack to train when only some of the wanted replicates are free, or still wanted.

        A company that was begun together stays together.
        """
        wanted = [path for path in self.wanted if path in paths]
        return Stack(self.members if self.is_started() else {path: self.members[path] for path in wanted}, wanted)

    def is_started(self) -> bool:
        """Whether it was trained for a while, by whomever."""
        record = stack_file.read(self.folder)
        return record is not None and record.started

    def was_too_large(self) -> bool:
        """Whether the process that trained it was probably killed for lack of memory.

        It ended without a word, and meanwhile the kernel has killed some process of this machine for that reason.
        """
        record, kills = stack_file.read(self.folder), memory.out_of_memory_kills()
        if record is None or record.oom_kills is None or kills is None:
            return False
        return kills > record.oom_kills

    def parts(self, count: int) -> list[Stack]:
        """Its wanted replicates in so many stacks of nearly one size."""
        paths = list(self.wanted)
        cuts = [len(paths) * i // count for i in range(count + 1)]
        return [of_jobs({p: self.members[p] for p in paths[a:b]}) for a, b in itertools.pairwise(cuts)]

    def _record(self, *, started: bool, oom_kills: int | None = None) -> StackRecord:
        command = environment.command()
        members, rerun = list(self.members), self.config.rerun
        return StackRecord(self.folder, members, rerun, started, command, oom_kills, self.probed)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def of_jobs(members: Mapping[Path, Job]) -> Stack:
    """A new stack, all of whose members are wanted."""
    return Stack(members, list(members))


def plan(jobs: Mapping[Path, Job], missing: Collection[Path]) -> list[Stack]:
    """The stacks that train the missing ones of all jobs, each kept on disk: first those that were begun before."""
    left = {path: job for path, job in jobs.items() if path in missing}
    stacks: list[Stack] = []
    for runs_dir in sorted({Path(job.config.runs_dir) for job in jobs.values()}):
        for record in stack_file.read_all(runs_dir):
            if not record.rerun and all(finished(path, record.probed) for path in record.members):
                record.forget()  # its process ended just before it did so, or its members were trained in other company
                continue
            stack = _recorded(record, jobs, left)
            if stack is not None:
                stacks.append(stack)
                left = {path: job for path, job in left.items() if path not in stack.wanted}
    for group in stacks_of(list(left.values())):
        fresh = of_jobs({job.folder().path: job for job in group})
        fresh.keep(started=False)
        stacks.append(fresh)
    return stacks


def _recorded(record: StackRecord, jobs: Mapping[Path, Job], left: Mapping[Path, Job]) -> Stack | None:
    """The stack of a record; None if this launch is not to train it, or another stack has its members."""
    if not all(path in jobs and _is_as(record, jobs[path].config) for path in record.members):
        return None
    members = {path: jobs[path] for path in record.members}
    wanted = [path for path in members if path in left]
    unfinished = [path for path in members if finished(path, record.probed) is None]
    if not wanted or set(unfinished) - set(wanted) or len(members) > max_replicates(jobs[record.members[0]].config):
        return None
    return Stack(members if record.started else {path: members[path] for path in wanted}, wanted)


def _is_as(record: StackRecord, config: RunConfig) -> bool:
    return config.rerun == record.rerun and Probed.of(config.probes) == record.probed
