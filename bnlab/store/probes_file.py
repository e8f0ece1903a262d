"""probes.csv: what probes measured during training, one row per value; docs/probes.md says what each quantity is."""

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
    """A row of probes.csv: one quantity of one layer.

    Attributes:
        step: optimizer steps done before the measurement.
        probe: the probe's name.
        layer: the layer's path in the network, or "model".
        quantity: what was measured.
        value: in the quantity's own unit.
    """

    step: int
    probe: str
    layer: str
    quantity: str
    value: float


MEASURED = Measured._fields


def probes_text(rows: Iterable[Measured]) -> str:
    """The content of probes.csv with these rows."""
    return as_csv(MEASURED, rows)


def read_probes(replicate: Path, probes: Sequence[str] | None = None) -> list[Measured]:
    """The rows of probes.csv in a replicate's folder: those of the named probes, or all; none if there is no file.

    Raises:
        OSError: it cannot be read.
        DamagedError: it has another header, or a row of another format.
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
