"""Ctrl-C and SIGTERM: the first during training is kept until the state is saved, all others stop at once.

`begin` and `end` bracket the process: a signal is one line and an exit with 130 also while libraries are imported.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)

AGAIN = 1.0
"""Seconds after which a signal is raised once more: code of others that runs during imports may have swallowed it."""


class Interrupted(KeyboardInterrupt):
    """Not KeyboardInterrupt itself: once that has passed an `exec`, Python dies of SIGINT, however the program ends."""


def begin() -> None:
    """From now on both signals raise Interrupted, until something stops for it."""
    unraisable = sys.unraisablehook
    for number in SIGNALS:
        signal.signal(number, _raise)
    sys.unraisablehook = lambda said: None if said.exc_type is Interrupted else unraisable(said)


def end() -> None:
    """From now on nothing is left to interrupt."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> None:
    again = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
    raise Interrupted


class Interrupt:
    """A context in which both signals raise KeyboardInterrupt; within `deferred`, the first one only sets `requested`.

    In threads other than the main one, where no signal arrives, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._deferred = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """Work that looks at `requested` itself; what it did not see is raised at its regular end."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.requested:
            raise Interrupted("interrupted after a stack was done")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self._deferred:
            raise Interrupted("stopped at once")
        self.requested = True
