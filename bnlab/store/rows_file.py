"""metrics.csv and timing.csv: what their rows hold, and reading the scores."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from bnlab.store.reading import MOST_BYTES_OF_ROWS, DamagedError, decoded, read_bytes

Row = TypeVar("Row")
METRICS_FILE, TIMING_FILE = "metrics.csv", "timing.csv"


class Scored(NamedTuple):
    """A row of metrics.csv."""

    epoch: float
    step: int
    split: str
    loss: float
    accuracy: float


class Timed(NamedTuple):
    """A row of timing.csv; its measures are texts, of as many digits as they have."""

    epoch: float
    step: int
    seconds: str
    images_per_second: str
    replicates: int


METRICS, TIMING = Scored._fields, Timed._fields

SPLITS = {"train": "training", "validation": "validation", "test": "test", "test_batch_stats": "test, batch statistics"}
"""What may be scored, and that in words."""


def read_scores(replicate: Path) -> list[Scored]:
    """The rows of a replicate's metrics.csv.

    Raises:
        OSError: it cannot be read.
        DamagedError: it has another header, or a row that is none of it.
    """
    return _read(
        replicate / METRICS_FILE,
        METRICS,
        lambda epoch, step, split, loss, accuracy: Scored(float(epoch), int(step), split, float(loss), float(accuracy)),
    )


def read_seconds(replicate: Path) -> dict[int, float]:
    """The seconds of training until each step of a replicate's timing.csv. Raises as `read_scores` does."""
    return dict(_read(replicate / TIMING_FILE, TIMING, lambda _, step, seconds, *rest: (int(step), float(seconds))))


def _read(path: Path, header: tuple[str, ...], row_of: Callable[..., Row]) -> list[Row]:
    rows = csv.reader(io.StringIO(decoded(read_bytes(path, MOST_BYTES_OF_ROWS))))
    try:
        if next(rows, None) != list(header):
            raise DamagedError(f"its header is not {','.join(header)}")
        return [row_of(*row) for row in rows]
    except (csv.Error, ValueError, TypeError) as error:
        raise DamagedError(f"line {rows.line_num} is no row of it") from error
