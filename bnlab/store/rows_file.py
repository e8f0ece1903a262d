"""metrics.csv and timing.csv: what their rows hold, and reading the scores."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

from bnlab.store.reading import MOST_BYTES_OF_ROWS, DamagedError, decoded, read_bytes

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
    rows = csv.reader(io.StringIO(decoded(read_bytes(replicate / METRICS_FILE, MOST_BYTES_OF_ROWS))))
    try:
        if next(rows, None) != list(METRICS):
            raise DamagedError(f"its header is not {','.join(METRICS)}")
        return [
            Scored(float(epoch), int(step), split, float(loss), float(accuracy))
            for epoch, step, split, loss, accuracy in rows
        ]
    except (csv.Error, ValueError) as error:
        raise DamagedError(f"line {rows.line_num} is no row of it") from error
