"""Ctrl-C, SIGTERM and SIGHUP: the first during training is kept until the state is saved, all others stop at once.

SIGUSR1 during training has the state saved, and it goes on. `begin` and `end` bracket the process: a signal is one line
and an exit with 130 also while libraries are imported.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

HANGUP_COUNTS = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
"""Not where `nohup` has seen to it that the process outlives its terminal."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if HANGUP_COUNTS else []))
"""Those that stop."""

AGAIN = 1.0
"""Seconds after which a signal is raised once more: code of others that runs during imports may have swallowed it."""


class Interrupted(KeyboardInterrupt):
    """Not KeyboardInterrupt itself: once that has passed an `exec`, Python dies of SIGINT, however the program ends."""


def begin() -> None:
    """From now on these signals raise Interrupted, until something stops for it."""
    unraisable = sys.unraisablehook
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # there is nothing to save yet
    for number in SIGNALS:
        signal.signal(number, _raise)
    sys.unraisablehook = lambda said: None if said.exc_type is Interrupted else unraisable(said)


def end() -> None:
    """From now on nothing is left to interrupt."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> None:
    _leave_terminal()
    again = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
    raise Interrupted


def _leave_terminal() -> None:
    """What is written to a terminal that has hung up goes to nowhere: it would be an error, and stop the saving."""
    for stream in (1, 2):
        try:
            termios.tcgetattr(stream)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # in a signal handler: nothing else
                    os.dup2(nowhere.fileno(), stream)


class Interrupt:
    """A context in which such a signal raises KeyboardInterrupt; within `deferred` the first only sets `requested`.

    In threads other than the main one, where no signal arrives, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._save_wanted = False
        self._deferred = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
            self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._want_save)
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

    def take_wish_to_save(self) -> bool:
        """Whether SIGUSR1 has come since the last time that this was asked."""
        wanted, self._save_wanted = self._save_wanted, False
        return wanted

    def _want_save(self, number: int, frame: FrameType | None) -> None:
        self._save_wanted = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        _leave_terminal()
        if self.requested or not self._deferred:
            raise Interrupted("stopped at once")
        self.requested = True
