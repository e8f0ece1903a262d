"""The learning curves of stored replicates, and what was measured of their speed."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bnlab.report.comparison.wording import listed
from bnlab.store import FINISHED, METRICS, TIMING

TEXT, WHOLE = ("split",), ("step", "replicates")
SHOWN = 3


@dataclass(frozen=True)
class Measured:
    """All rows of metrics.csv and of timing.csv, and a line about the replicates without."""

    metrics: pd.DataFrame
    timing: pd.DataFrame
    warnings: list[str]

    @property
    def timed(self) -> pd.DataFrame:
        """The rows of metrics.csv with the seconds of training until then; NaN where they are not known."""
        return self.metrics.merge(self.timing[["row", "step", "seconds"]], how="left", on=["row", "step"])


def read(replicates: pd.DataFrame) -> Measured:
    """What was measured of the trained replicates of a frame."""
    metrics, no_metrics = read_metrics(replicates)
    timing, no_timing = read_timing(replicates)
    return Measured(metrics, timing, no_metrics + no_timing)


def read_metrics(replicates: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """All rows of the trained replicates' metrics.csv, and a line about those that have none that can be read.

    The column "row" is the replicate's index in the frame, from `frame.read`.
    """
    return _read(replicates, "metrics.csv", METRICS)


def read_timing(replicates: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The same of timing.csv."""
    return _read(replicates, "timing.csv", TIMING)


def _read(replicates: pd.DataFrame, name: str, header: tuple[str, ...]) -> tuple[pd.DataFrame, list[str]]:
    trained = replicates.loc[replicates["state"].isin(FINISHED), "folder"]
    rows: list[int] = trained.index.tolist()
    bodies = {row: _body(Path(folder) / name, header) for row, folder in zip(rows, trained, strict=True)}
    good = {row: body for row, body in bodies.items() if body is not None}
    try:
        table = _parse(good, header)
    except ValueError:
        good = {row: body for row, body in good.items() if _is_table(body, header)}
        table = _parse(good, header)
    names = replicates["run"] + "/seed-" + replicates["seed"].astype(str)
    bad = [names[row] for row in bodies if row not in good]
    if not bad:
        return table, []
    reason = f"{name} is missing or does not hold {','.join(header)}"
    return table, [f"not in curves and costs: {listed(bad, SHOWN)}: {reason}"]


def _body(path: Path, header: tuple[str, ...]) -> str | None:
    """The lines below the header, if every one has as many cells as the header."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    first, _, body = text.partition("\n")
    lines = body.count("\n")
    whole = not body or body.endswith("\n")
    return body if first == ",".join(header) and whole and body.count(",") == lines * (len(header) - 1) else None


def _parse(bodies: Mapping[int, str], header: tuple[str, ...]) -> pd.DataFrame:
    """All in one go: a call per file would take a hundred times as long."""
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
