"""probes.csv: what probes have measured inside a training, in long form; docs/probes.md says what each quantity is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from bnlab.store.files import as_csv
from bnlab.store.reading import MOST_BYTES_OF_ROWS, DamagedError, decoded, read_bytes

PROBES_FILE = "probes.csv"


class Measured(NamedTuple):
    """A row of probes.csv: a quantity of one layer, with the weights after so many steps."""

    step: int
    probe: str
    layer: str
    quantity: str
    value: float


MEASURED = Measured._fields


def probes_text(rows: Iterable[Measured]) -> str:
    """The file of these rows."""
    return as_csv(MEASURED, rows)


def read_probes(replicate: Path, probes: Sequence[str] | None = None) -> list[Measured]:
    """The rows of a replicate's probes.csv, those of the named probes, or all; none where there is no such file.

    Raises:
        OSError: it cannot be read.
        DamagedError: it has another header, or a row that is none of it.
    """
    try:
        text = decoded(read_bytes(replicate / PROBES_FILE, MOST_BYTES_OF_ROWS))
    except FileNotFoundError:
        return []
    rows = csv.reader(io.StringIO(text))
    try:
        if next(rows, None) != list(MEASURED):
            raise DamagedError(f"its header is not {','.join(MEASURED)}")
        found = [
            Measured(int(step), probe, layer, quantity, float(value)) for step, probe, layer, quantity, value in rows
        ]
    except (csv.Error, ValueError) as error:
        raise DamagedError(f"line {rows.line_num} is no row of it") from error
    return [row for row in found if probes is None or row.probe in probes]
