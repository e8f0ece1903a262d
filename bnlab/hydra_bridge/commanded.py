"""The command that is stored with a training, and that is shown at an interruption to resume it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from bnlab.store import environment


@contextlib.contextmanager
def commanded(line: str) -> Iterator[None]:
    """Within the `with`, trainings belong to this command, also in processes started there."""
    with environ(environment.COMMAND, line):
        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(
                f"{str(interrupt) or 'interrupted'}; to go on: {environment.command()}"
            ) from interrupt


@contextlib.contextmanager
def environ(name: str, value: str) -> Iterator[None]:
    """Sets an environment variable within the `with`; processes started there inherit it."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
