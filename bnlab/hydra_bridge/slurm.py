"""What Slurm says of jobs, by `squeue`, which every cluster has.

submitit asks `sacct`, which needs a database that many clusters lack: there a dead job would be waited for forever.
"""

from __future__ import annotations

import os
import subprocess
import time

EVERY = 20.0
"""Seconds from one look at the queue to the next."""

OVER = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")
"""The states of a job that will not go on."""

FORGOTTEN = "no longer in the queue"
"""Of a job that has been over for some minutes."""


class Queue:
    """In place of submitit's watcher of jobs, which its `Job` asks how it is."""

    def __init__(self) -> None:
        self._states: dict[str, str] | None = None
        self._asked = time.monotonic()  # a job that was submitted now is not over

    def is_done(self, job_id: str, mode: str = "") -> bool:
        """Whether the job is over, however it ended."""
        state = self.get_state(job_id)
        return state in OVER or state == FORGOTTEN

    def get_state(self, job_id: str, mode: str = "") -> str:
        """The job's state in Slurm's words; UNKNOWN as long as the queue could not be read."""
        if time.monotonic() - self._asked >= EVERY:
            self._look()
        return "UNKNOWN" if self._states is None else self._states.get(job_id, FORGOTTEN)

    def _look(self) -> None:
        """Reads the queue; where Slurm does not answer, what it said before stays."""
        command = ["squeue", f"--user={os.getuid()}", "--states=all", "--array", "--noheader", "--format=%i %T"]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode == 0:
            self._states = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())
        self._asked = time.monotonic()
