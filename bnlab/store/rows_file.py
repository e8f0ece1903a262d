"""metrics.csv and timing.csv: the columns of their rows, and reading them."""

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
    """A row of metrics.csv: one evaluation on one split.

    Attributes:
        epoch: epochs done, with a fraction in the middle of one.
        step: batches done.
        split: a key of `SPLITS`.
        loss: mean cross-entropy, in nats.
        accuracy: a fraction.
    """

    epoch: float
    step: int
    split: str
    loss: float
    accuracy: float


class Timed(NamedTuple):
    """A row of timing.csv.

    Attributes:
        epoch: as in `Scored`.
        step: as in `Scored`.
        seconds: of training so far, without evaluations; text, with as many digits as were measured.
        images_per_second: of one replicate; text as well.
        replicates: the number of replicates that were trained side by side.
    """

    epoch: float
    step: int
    seconds: str
    images_per_second: str
    replicates: int


METRICS, TIMING = Scored._fields, Timed._fields

SPLITS = {"train": "training", "validation": "validation", "test": "test", "test_batch_stats": "test, batch statistics"}
"""The parts of the data that are evaluated, and their names in words."""


def read_scores(replicate: Path) -> list[Scored]:
    """The rows of a replicate's metrics.csv.

    Raises:
        OSError: it cannot be read.
        DamagedError: it has another header, or a row of another format.
    """
    return _read(
        replicate / METRICS_FILE,
        METRICS,
        lambda epoch, step, split, loss, accuracy: Scored(float(epoch), int(step), split, float(loss), float(accuracy)),
    )


def read_seconds(replicate: Path) -> dict[int, float]:
    """Seconds of training by step, from a replicate's timing.csv. Raises as `read_scores` does."""
    return dict(_read(replicate / TIMING_FILE, TIMING, lambda _, step, seconds, *rest: (int(step), float(seconds))))


def _read(path: Path, header: tuple[str, ...], row_of: Callable[..., Row]) -> list[Row]:
    rows = csv.reader(io.StringIO(decoded(read_bytes(path, MOST_BYTES_OF_ROWS))))
    try:
        if next(rows, None) != list(header):
            raise DamagedError(f"its header is not {','.join(header)}")
        return [row_of(*row) for row in rows]
    except (csv.Error, ValueError, TypeError) as error:
        raise DamagedError(f"line {rows.line_num} is no row of it") from error
