"""`tracker=tensorboard`: a folder of event files per replicate, for `tensorboard --logdir runs/tensorboard`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnlab.store import State
from bnlab.trackers.tracker import Tracked

FOLDER = "tensorboard"


class TensorBoard:
    """Writes event files. Each is closed after each step, as a process may not open a file for every replicate."""

    def __init__(self, runs_dir: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.summary.writer.record_writer import RecordWriter
        from tensorboard.util.tensor_util import make_tensor_proto

        self._event, self._session, self._summary, self._writer = Event, SessionLog, Summary, RecordWriter
        self._hyperparameters, self._as_text, self._tensor = hparams_pb, create_summary_metadata, make_tensor_proto
        self._folder = runs_dir / FOLDER
        self._files: dict[Tracked, Path] = {}

    def begin(self, tracked: Tracked, step: int) -> None:
        folder = self._folder / tracked.name
        folder.mkdir(parents=True, exist_ok=True)
        self._files[tracked] = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        rows = "\n".join(f"| {name} | {value} |" for name, value in tracked.settings.items())
        self._write(tracked, {"file_version": "brain.Event:2"})
        # Tells TensorBoard to drop later steps, which files of an interrupted training may have.
        self._write(tracked, {"step": step, "session_log": self._session(status=self._session.START)})
        self._write(tracked, {"summary": self._hyperparameters(dict(tracked.settings), tracked.name)})
        self._write(tracked, {"summary": self._text("settings", f"| setting | value |\n|---|---|\n{rows}")})

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        scalars = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(tracked, {"step": step, "summary": self._summary(value=scalars)})

    def end(self, tracked: Tracked, ending: State) -> None:
        self._write(tracked, {"summary": self._text("ending", ending.value)})
        del self._files[tracked]

    def close(self) -> None:
        pass

    def _text(self, tag: str, text: str) -> Any:
        """A summary that TensorBoard shows as Markdown in its TEXT tab."""
        described = self._as_text(display_name=tag, description="")
        return self._summary(value=[self._summary.Value(tag=tag, metadata=described, tensor=self._tensor(text))])

    def _write(self, tracked: Tracked, event: Mapping[str, Any]) -> None:
        with self._files[tracked].open("ab") as file:
            self._writer(file).write(self._event(wall_time=time.time(), **event).SerializeToString())
