"""The command as which a training is stored, and that an interruption says to go on with."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from bnlab.store import environment


@contextlib.contextmanager
def commanded(line: str) -> Iterator[None]:
    """What is trained meanwhile is of this command, also in processes that are started meanwhile."""
    with environ(environment.COMMAND, line):
        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(
                f"{str(interrupt) or 'interrupted'}; to go on: {environment.command()}"
            ) from interrupt


@contextlib.contextmanager
def environ(name: str, value: str) -> Iterator[None]:
    """With an environment variable set, which processes started meanwhile inherit."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
