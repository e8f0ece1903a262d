"""The jobs of a sweep: checked together before the first one starts, their failures listed together at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bnlab.errors import UserError


class SweepFailedError(Exception):
    """Jobs of a sweep failed; the message lists every one with its reason."""

    def __init__(self, failures: Mapping[str, BaseException], jobs: int) -> None:
        lines = [f"{job}: {' '.join(str(error).split()) or type(error).__name__}" for job, error in failures.items()]
        super().__init__("\n  ".join([f"{len(failures)} of {jobs} jobs failed; the others are stored", *lines]))


def check_jobs(jobs: Sequence[Sequence[str]], compose: Callable[[list[str]], Any]) -> None:
    """Raises UserError for the first job that could not be trained, naming it."""
    from bnlab.launch import resolve
    from bnlab.run import check

    for job in jobs:
        try:
            check(resolve(compose(list(job))))
        except UserError as error:
            raise UserError(f"{error} (job: {' '.join(job)}; no job was started)") from error
