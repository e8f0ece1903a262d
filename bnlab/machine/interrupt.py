"""Ctrl-C, SIGTERM and SIGHUP: in a training they wait until the state is saved; a second Ctrl-C stops at once.

Batch systems send SIGTERM more than once, to each process and through its parents, and end by themselves what takes too
long. After SIGUSR1 a training saves its state and goes on. `begin` is called at the start of the process and `end` at
its end, so that a signal gives one line and exit code 130 even while libraries are imported.
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
"""Whether SIGHUP stops the process; not under `nohup`, which lets a process outlive its terminal."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if HANGUP_COUNTS else []))
"""The signals that stop the process."""

NOTICE = signal.SIGUSR2
"""By which submitit hears in a job that it is about to be ended."""

AGAIN = 1.0
"""Seconds after which a signal is raised once more, since code of libraries may have swallowed it during an import."""


class Interrupted(KeyboardInterrupt):
    """Raised by a signal. Not KeyboardInterrupt itself: once that has left an `exec`, Python always dies of SIGINT."""


def begin() -> None:
    """From now on these signals raise Interrupted, again and again until the process stops."""
    unraisable = sys.unraisablehook
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # there is nothing to save yet
    for number in SIGNALS:
        signal.signal(number, _raise)
    sys.unraisablehook = lambda said: None if said.exc_type is Interrupted else unraisable(said)


def end() -> None:
    """From now on these signals are ignored."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> None:
    _leave_terminal()
    again = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
    raise Interrupted


def _leave_terminal() -> None:
    """If the terminal has hung up, discards all output from now on: writing would be an error, and stop the saving."""
    for stream in (1, 2):
        try:
            termios.tcgetattr(stream)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # in a signal handler: nothing else
                    os.dup2(nowhere.fileno(), stream)


class Interrupt:
    """A context in which these signals raise KeyboardInterrupt; within `deferred` they only set `requested`.

    So does `NOTICE` where it has a handler, which is called when the context is left: it may start the job anew.
    It does nothing in other threads than the main one, which get no signals.
    """

    def __init__(self) -> None:
        self.requested = False
        self._save_wanted = False
        self._deferred = self._noticed = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            numbers = (*SIGNALS, NOTICE) if callable(signal.getsignal(NOTICE)) else SIGNALS
            self._before = {number: signal.signal(number, self._handle) for number in numbers}
            self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._want_save)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._noticed and isinstance(error, KeyboardInterrupt):
            self._before[NOTICE](NOTICE, None)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """For work that looks at `requested` itself. If it ends without having stopped, Interrupted is raised."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False
        if self.requested:
            raise Interrupted("interrupted after a stack was done")

    def take_wish_to_save(self) -> bool:
        """Whether SIGUSR1 has come since the last call."""
        wanted, self._save_wanted = self._save_wanted, False
        return wanted

    def _want_save(self, number: int, frame: FrameType | None) -> None:
        self._save_wanted = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        _leave_terminal()
        self._noticed = self._noticed or number == NOTICE
        if not self._deferred or (self.requested and number == signal.SIGINT):
            raise Interrupted("stopped at once")
        self.requested = True
