"""`tracker=csv-stream`: appends every value as a line to stream.csv in runs_dir during training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from bnlab.store import State, append, as_csv, no_formula
from bnlab.trackers.tracker import Tracked

FILE = "stream.csv"
HEADER = ("time", "run", "seed", "step", "name", "value")


class CsvStream:
    """Writes stream.csv. The lines of a step are appended by one write, as several processes may share the file."""

    def __init__(self, runs_dir: Path) -> None:
        self._path = runs_dir / FILE
        runs_dir.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            append(self._path, as_csv(HEADER, ()))

    def begin(self, tracked: Tracked, step: int) -> None:
        self._write(tracked, step, {f"settings/{name}": value for name, value in tracked.settings.items()})

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        self._write(tracked, step, values)

    def end(self, tracked: Tracked, ending: State) -> None:
        self._write(tracked, "", {"ending": ending.value})

    def close(self) -> None:
        pass

    def _write(self, tracked: Tracked, step: int | str, values: Mapping[str, object]) -> None:
        of_whom = (f"{time.time():.3f}", tracked.arm, str(tracked.seed), str(step))
        first, *others = ((*of_whom, name, str(no_formula(value))) for name, value in values.items())
        append(self._path, as_csv(first, others))
