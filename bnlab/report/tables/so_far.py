"""The table of replicates in training, for `bnlab report --watch`."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bnlab.errors import unknown
from bnlab.report.comparison import ABSENT, group, names_of, split_and_kind, unit, words
from bnlab.report.tables.contents import Table
from bnlab.runs import last_rows
from bnlab.store import is_claimed


def table(replicates: pd.DataFrame, by: Sequence[str], metric: str) -> Table | None:
    """A row per arm in training: number of replicates, epoch, and the metric's mean so far; None if there is none.

    Args:
        replicates: from `frame.read`.
        by: the columns whose values define an arm; empty: all settings that differ between the runs.
        metric: a final metric.

    Raises:
        UserError: an unknown column or metric.
    """
    every, keys, _ = group(replicates, by)
    marked = every[every["state"] == "running"]
    running = marked[[is_claimed(Path(folder)) for folder in marked["folder"]]]
    if running.empty:
        return None
    split, kind = split_and_kind(metric)
    last = [last_rows(Path(folder)) for folder in running["folder"]]
    known = sorted({f"{name}_{score}" for rows in last for name in rows for score in ("accuracy", "loss")})
    if known and metric not in known:
        raise unknown("metric", metric, known)
    rows = [rows.get(split, {"epoch": math.nan, kind: math.nan}) for rows in last]
    scores = pd.DataFrame(
        {"arm": running["arm"].tolist(), "epoch": [r["epoch"] for r in rows], "value": [r[kind] for r in rows]}
    )
    data = scores.groupby("arm", sort=False, as_index=False).agg(
        running=("arm", "size"), first=("epoch", "min"), last=("epoch", "max"), mean=("value", "mean")
    )
    names = names_of(every.drop_duplicates("arm"), keys)
    cells = pd.DataFrame(
        {
            "arm": data["arm"].map(names),
            "running": data["running"].astype(str),
            "epoch": [_epochs(first, last) for first, last in zip(data["first"], data["last"], strict=True)],
            "mean so far": data["mean"].map(unit(metric).number),
        }
    )
    return Table("so_far", f"so far, not finished: {words(metric)}", data, cells, ("arm",))


def _epochs(first: float, last: float) -> str:
    if math.isnan(first):
        return ABSENT
    return f"{first:g}" if first == last else f"{first:g} to {last:g}"
