"""The trackers of a launch, each in its own thread, so that a slow one does not delay training."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from bnlab.engine import Observer
from bnlab.errors import one_line, shown
from bnlab.trackers.csv_stream import CsvStream
from bnlab.trackers.mlflow import MLflow
from bnlab.trackers.observer import Message, Tracking
from bnlab.trackers.tensorboard import TensorBoard
from bnlab.trackers.tracker import Tracked, Tracker
from bnlab.trackers.wandb import WandB

_MAKERS: dict[str, Callable[[Path], Tracker]] = {
    "csv-stream": CsvStream,
    "mlflow": MLflow,
    "tensorboard": TensorBoard,
    "wandb": WandB,
}
"""The trackers by their names in `bnlab.config.TRACKERS`; each is made in its own thread, with runs_dir."""

_MAKING = threading.Lock()
"""Held while a tracker is made, so that only one at a time imports its library."""

MOST_WAITING = 1_000
"""Largest number of messages that wait for a tracker; further values are dropped, to limit memory."""
PATIENCE = 30.0
"""Seconds that the end of a launch waits for a tracker that makes no progress."""


class Trackers:
    """The trackers of a launch, made when first needed. As a context manager it waits at the end for their writing.

    Args:
        say: prints a line for the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._threads: dict[tuple[str, Path], _Thread] = {}

    def __enter__(self) -> Trackers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for thread in self._threads.values():
            thread.finish()
        for thread in self._threads.values():
            thread.wait()

    def of_stack(self, members: Mapping[int, Tracked]) -> list[Observer]:
        """The observers of the next stack, one for each tracker that some of its members ask for.

        Args:
            members: the replicates of the stack, by their index in it.
        """
        asked: dict[tuple[str, Path], dict[int, Tracked]] = {}
        for index, member in members.items():
            for name in member.config.trackers():
                asked.setdefault((name, Path(member.config.runs_dir)), {})[index] = member
        return [Tracking(those, self._thread(*of).put) for of, those in asked.items()]

    def _thread(self, name: str, runs_dir: Path) -> _Thread:
        if (name, runs_dir) not in self._threads:
            self._threads[name, runs_dir] = _Thread(name, runs_dir, self._say)
        return self._threads[name, runs_dir]


class _Thread:
    """A tracker in its thread, fed by a queue. If it fails, the user is told, and later messages are dropped."""

    def __init__(self, name: str, runs_dir: Path, say: Callable[[str], None]) -> None:
        self._name, self._runs_dir, self._say = name, runs_dir, say
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._works, self._loses = True, False
        self._moved_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message, *, can_be_lost: bool = False) -> None:
        if can_be_lost and self._waiting.qsize() >= MOST_WAITING:
            if self._works and not self._loses:
                self._say(f"tracker={self._name} is slower than the training, and does not get all values")
            self._loses = True
        elif self._works:
            self._waiting.put(message)

    def finish(self) -> None:
        """Tells the thread to end after the messages that wait."""
        self._waiting.put(None)

    def wait(self) -> None:
        """Waits until everything is written, or until the tracker has made no progress for `PATIENCE` seconds."""
        self._moved_at = time.monotonic()
        while self._thread.is_alive() and (left := self._moved_at + PATIENCE - time.monotonic()) > 0:
            self._thread.join(left)
        if self._thread.is_alive():
            self._works = False
            self._say(
                f"tracker={self._name} has not answered for {PATIENCE:.0f} s, and may lack values; "
                f"the results in {self._runs_dir} are whole"
            )

    def _run(self) -> None:
        try:
            with _MAKING:
                tracker = _MAKERS[self._name](self._runs_dir)
            for message in iter(self._waiting.get, None):
                for _ in message(tracker):
                    self._moved_at = time.monotonic()
            tracker.close()
        except BaseException as error:  # whatever a library raises, SystemExit too
            if self._works:
                self._works = False
                self._say(f"tracker={self._name} has failed, and training goes on without it: {shown(one_line(error))}")
