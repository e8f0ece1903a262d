"""What changed since an earlier report: its summary.json compared with the present comparison."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bnlab.errors import UserError, shown
from bnlab.report.comparison import ABSENT, Comparison, unit, words
from bnlab.report.tables.contents import Table

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Earlier:
    """A report that was written to a folder earlier.

    Attributes:
        folder: the folder.
        metric: the metric that was compared.
        verdicts: the sentences.
        arms: by the arm's full name, its number of seeds and its mean (None if it has none).
    """

    folder: Path
    metric: str
    verdicts: list[str]
    arms: Mapping[str, tuple[int, float | None]]


def read(folder: Path) -> Earlier:
    """Reads the report in a folder.

    Raises:
        UserError: there is no report, or it cannot be read.
    """
    try:
        content: Any = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        arms = {str(row["arm"]): (int(row["n"]), row["mean"]) for row in content["tables"]["summary"]}
        return Earlier(folder, str(content["metric"]), [str(said) for said in content["verdicts"]], arms)
    except OSError as error:
        reason = f"{SUMMARY} cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError):
        reason = f"{SUMMARY} is none that `bnlab report -o FOLDER` writes"
    raise UserError(f"--against {shown(folder)} is no report's folder: {reason}")


def check_metric(earlier: Earlier, metric: str) -> None:
    """Raises UserError where the two reports are of different metrics."""
    if earlier.metric != metric:
        raise UserError(
            f"--against {shown(earlier.folder)} is a report of {earlier.metric}, this one is of {metric}; "
            f"add --metric {earlier.metric}"
        )


def table(earlier: Earlier, comparison: Comparison, names: Mapping[str, str]) -> Table:
    """A row per arm of either report: number of seeds and mean then and now, and the change of the mean.

    The change is not tested, because the same seeds may be in both reports.

    Args:
        earlier: from `read`.
        comparison: the present comparison.
        names: short names by arm.
    """
    of = unit(comparison.metric)
    now = {
        str(arm): (int(n), float(mean)) for arm, n, mean in comparison.summary[["arm", "n", "mean"]].to_numpy().tolist()
    }
    rows = []
    for arm in dict.fromkeys([*now, *earlier.arms]):
        then_n, then = earlier.arms.get(arm, (None, None))
        now_n, mean = now.get(arm, (None, None))
        change = None if then is None or mean is None else mean - then
        rows.append({"arm": arm, "n_then": then_n, "n": now_n, "then": then, "mean": mean, "change": change})
    data = pd.DataFrame(rows, columns=["arm", "n_then", "n", "then", "mean", "change"])
    cells = pd.DataFrame(
        {
            "arm": [names.get(arm, arm) for arm in data["arm"]],
            "n then": [_count(n) for n in data["n_then"]],
            "n": [_count(n) for n in data["n"]],
            "mean then": [of.number(value) for value in data["then"]],
            "mean": [of.number(value) for value in data["mean"]],
            of.gap: [of.number(value, "+") for value in data["change"]],
        }
    )
    title = f"{words(comparison.metric)} now and in {shown(earlier.folder)}; the same seeds may be in both"
    return Table("against", title, data, cells, ("arm",))


def sentences(earlier: Earlier, verdicts: Sequence[str]) -> list[str]:
    """Lines about sentences that only the earlier report has, and about those that are new."""
    gone = [f"no longer said: {said}" for said in earlier.verdicts if said not in verdicts]
    new = [f"said now: {said}" for said in verdicts if said not in earlier.verdicts]
    return gone + new or ["the sentences are the same"]


def _count(n: float | None) -> str:
    return ABSENT if n is None or pd.isna(n) else f"{n:.0f}"
