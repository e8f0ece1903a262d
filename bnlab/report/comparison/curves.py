"""Reading the learning curves, training times and probes of stored replicates."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bnlab.report.comparison.frame import DIGESTS
from bnlab.report.comparison.wording import listed
from bnlab.store import (
    CHANGED,
    FINISHED,
    MEASURED,
    METRICS,
    METRICS_FILE,
    MOST_BYTES_OF_ROWS,
    PROBES_FILE,
    TIMING,
    TIMING_FILE,
    DamagedError,
    decoded,
    digest_of,
    read_bytes,
)

TEXT, WHOLE = ("split", "probe", "layer", "quantity"), ("step", "replicates")
SHOWN = 3


@dataclass(frozen=True)
class Measured:
    """The rows of metrics.csv, timing.csv and probes.csv of many replicates.

    Attributes:
        metrics: the rows of metrics.csv; the additional column "row" is the replicate's index in the frame.
        timing: the rows of timing.csv, with the same column.
        probed: the rows of probes.csv, with the same column.
        changed: by index, the replicates with a file that was changed after it was stored, and that file's name. They
            are not in the tables.
        warnings: lines about replicates whose files are missing or damaged.
    """

    metrics: pd.DataFrame
    timing: pd.DataFrame
    probed: pd.DataFrame
    changed: dict[int, str]
    warnings: list[str]

    @property
    def timed(self) -> pd.DataFrame:
        """The rows of metrics.csv with the seconds of training until that step; NaN where unknown."""
        return self.metrics.merge(self.timing[["row", "step", "seconds"]], how="left", on=["row", "step"])


def read(replicates: pd.DataFrame) -> Measured:
    """Reads the files of the finished replicates of a frame, which is from `frame.read`."""
    trained = replicates[replicates["state"].isin(FINISHED)]
    every = {
        METRICS_FILE: _read(trained, METRICS_FILE, METRICS),
        TIMING_FILE: _read(trained, TIMING_FILE, TIMING),
        PROBES_FILE: _read(trained[trained[DIGESTS[PROBES_FILE]] != ""], PROBES_FILE, MEASURED),
    }
    changed = {row: name for name, rows in reversed(every.items()) for row in rows.changed}
    warnings = [warning for rows in every.values() for warning in rows.warnings]
    metrics, timing, probed = (_without(rows, changed) for rows in every.values())
    return Measured(metrics, timing, probed, changed, warnings)


@dataclass(frozen=True)
class _Rows:
    table: pd.DataFrame
    changed: list[int]
    warnings: list[str]


def _without(rows: _Rows, changed: Mapping[int, str]) -> pd.DataFrame:
    return rows.table[~rows.table["row"].isin(changed)] if changed else rows.table


def _read(trained: pd.DataFrame, name: str, header: tuple[str, ...]) -> _Rows:
    files = trained[["folder", DIGESTS[name]]]
    contents = {
        row: content
        for row, folder, digest in zip(trained.index.tolist(), *files.to_numpy().T.tolist(), strict=True)
        if (content := _content(f"{folder}/{name}", digest)) is not None
    }
    changed = [row for row, content in contents.items() if content == CHANGED]
    bodies = {row: body for row, content in contents.items() if (body := _body(content, header)) is not None}
    try:
        table = _parse(bodies, header)
    except ValueError:
        bodies = {row: body for row, body in bodies.items() if _is_table(body, header)}
        table = _parse(bodies, header)
    names = trained["run"] + "/seed-" + trained["seed"].astype(str)
    bad = [names[row] for row in trained.index.difference([*bodies, *changed])]
    reason = f"{name} is missing or does not hold {','.join(header)}"
    return _Rows(table, changed, [f"not in curves and costs: {listed(bad, SHOWN)}: {reason}"] if bad else [])


def _content(path: str, digest: str) -> str | None:
    """The text of a file; CHANGED if its digest is not the stored one; None if it cannot be read."""
    try:
        content = read_bytes(path, MOST_BYTES_OF_ROWS)
        return decoded(content) if digest in ("", digest_of(content)) else CHANGED
    except (OSError, DamagedError):
        return None


def _body(text: str, header: tuple[str, ...]) -> str | None:
    """The lines below the header; None if the header is another one, or cells are missing or too many."""
    first, _, body = text.partition("\n")
    lines = body.count("\n")
    whole = not body or body.endswith("\n")
    return body if first == ",".join(header) and whole and body.count(",") == lines * (len(header) - 1) else None


def _parse(bodies: Mapping[int, str], header: tuple[str, ...]) -> pd.DataFrame:
    """Parses the lines of all files in one call: a call per file would take a hundred times as long."""
    types = {name: "str" if name in TEXT else "int64" if name in WHOLE else "float64" for name in header}
    text = "".join(bodies.values())
    table = pd.read_csv(io.StringIO(text), names=list(header), dtype=types)
    return table.assign(row=[row for row, body in bodies.items() for _ in range(body.count("\n"))])


def _is_table(body: str, header: tuple[str, ...]) -> bool:
    try:
        _parse({0: body}, header)
    except ValueError:
        return False
    return True
