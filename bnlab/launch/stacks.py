"""The stacks that a launch trains, each recorded on disk until it is done: `runs/.stacks/<digest>/members.json`.

The last bits of a replicate's result depend on the other members of its stack, since batched products round
differently. So an interrupted stack is resumed with the members that it had. The digest is of these members.
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
    """Replicates that train together.

    Args:
        members: all of them in order, by the paths of their folders.
        wanted: those to store. The others have a result already; they are trained only to keep the bits of these.
    """

    members: Mapping[Path, Job]
    wanted: Collection[Path]

    @property
    def config(self) -> RunConfig:
        """The first member's configuration, for the settings that all have in common."""
        return next(iter(self.members.values())).config

    @property
    def folder(self) -> Path:
        """The folder of its record and its checkpoints."""
        probed = [asdict(self.probed)] if self.probed is not None else []
        return Path(self.config.runs_dir) / STACKS / _digest([self.names, self.config.rerun, *probed])

    @property
    def probed(self) -> Probed | None:
        """The settings of the probes, which all have in common."""
        return Probed.of(self.config.probes)

    @property
    def names(self) -> list[str]:
        """Its members' folders in runs_dir, in order."""
        return [f"{path.parent.name}/{path.name}" for path in self.members]

    @property
    def company(self) -> Company:
        """What is stored about this stack with each member's result."""
        return Company(len(self.members), _digest(self.names))

    def keep(self, *, started: bool, in_training: bool = False) -> None:
        """Writes the record."""
        self._record(started=started, oom_kills=memory.out_of_memory_kills() if in_training else None).write()

    def forget(self) -> None:
        """Removes the record and the checkpoints."""
        self._record(started=True).forget()

    def only(self, paths: Collection[Path]) -> Stack:
        """The stack to train if only these replicates are free and still wanted.

        If its training has begun, all members stay in it; else only these do.
        """
        wanted = [path for path in self.wanted if path in paths]
        return Stack(self.members if self.is_started() else {path: self.members[path] for path in wanted}, wanted)

    def is_started(self) -> bool:
        """Whether its training has begun, in this process or another."""
        record = stack_file.read(self.folder)
        return record is not None and record.started

    def was_too_large(self) -> bool:
        """Whether the process that trained it was probably killed for lack of memory.

        It is assumed if that process died, and since its start the kernel has killed a process for lack of memory.
        """
        record, kills = stack_file.read(self.folder), memory.out_of_memory_kills()
        if record is None or record.oom_kills is None or kills is None:
            return False
        return kills > record.oom_kills

    def parts(self, count: int) -> list[Stack]:
        """Its wanted replicates in `count` new stacks of nearly equal size."""
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
    """The stacks that train the missing jobs, each recorded on disk: first those that were begun before, then new ones.

    Args:
        jobs: all jobs of the launch, by their folders' paths.
        missing: the paths of those to train.
    """
    left = {path: jobs[path] for path in missing}
    stacks: list[Stack] = []
    for runs_dir in sorted({Path(job.config.runs_dir) for job in jobs.values()}):
        for record in stack_file.read_all(runs_dir):
            if not record.rerun and all(finished(path, record.probed) for path in record.members):
                record.forget()  # its process died just before it did so, or its members were trained in other stacks
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
    """The stack of a record; None if it is not for this launch, or its members are in another stack already."""
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
