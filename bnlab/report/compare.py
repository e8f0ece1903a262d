"""The comparison: a row of numbers per arm, best first, held against a baseline."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bnlab import stats
from bnlab.errors import UserError, nearest, unknown
from bnlab.report import arms
from bnlab.report.frame import metric_columns


@dataclass(frozen=True)
class Comparison:
    """Arms side by side.

    Attributes:
        metric: the metric that was compared.
        by: the columns that make the arms; empty: there is one arm, "all".
        baseline: the arm that the others are held against, or None.
        summary: one row per arm, best first: arm, the `by` columns, n, diverged, mean, sd, low, high; with a baseline
            also difference, difference_low, difference_high and method ("paired" or "Welch"). In the metric's own
            unit (accuracies are fractions); NaN where there is no number.
        replicates: one row per replicate, as from `frame.read`, with its arm.
        notes: what a reader must know to read the table rightly.
        left_out: the replicates that are not in it, with the reason.
    """

    metric: str
    by: list[str]
    baseline: str | None
    summary: pd.DataFrame
    replicates: pd.DataFrame
    notes: list[str]
    left_out: list[str]


def compare(frame: pd.DataFrame, by: Sequence[str], metric: str, baseline: str | None) -> Comparison:
    """Compare the arms by a metric.

    Only done replicates with a finite metric count towards n; diverged ones are counted beside it.

    Args:
        frame: from `frame.read`.
        by: the columns that make an arm; none: whatever differs between the runs.
        metric: a final metric.
        baseline: "norm.name=none", several conditions joined by commas, or None.

    Raises:
        UserError: an unknown column or metric, or a baseline that is not exactly one arm.
    """
    _check_metric(frame, metric)
    replicates, keys, notes = arms.group(frame, by)
    finite = replicates[metric].abs() < math.inf
    counted = replicates[(replicates["state"] == "done") & finite]
    summary = _summary(replicates, counted, keys, metric)
    base = _baseline_arm(summary, keys, baseline) if baseline else None
    if base:
        summary = _with_differences(summary, counted, metric, base)
        notes = [*_method_notes(summary, base), *notes]
    summary = summary.sort_values(
        "mean", ascending=not is_accuracy(metric), kind="stable", na_position="last", ignore_index=True
    )
    return Comparison(metric, keys, base, summary, replicates, notes, _left_out(replicates, finite, metric))


def is_accuracy(metric: str) -> bool:
    """Whether the metric is a fraction of which more is better; of all others (losses) less is."""
    return metric.endswith("accuracy")


def _check_metric(frame: pd.DataFrame, metric: str) -> None:
    metrics = metric_columns(frame)
    if not metrics:
        states = ", ".join(f"{count} {state}" for state, count in frame["state"].value_counts().items())
        raise UserError(
            f"no run has the metric '{metric}', or any: none has finished ({states}); train on: bnlab train"
        )
    if metric not in metrics:
        raise unknown("metric", metric, metrics)


def _summary(replicates: pd.DataFrame, counted: pd.DataFrame, keys: list[str], metric: str) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for arm, members in replicates.groupby("arm", sort=False):
        n, mean, sd, (low, high) = stats.summarize(_by_seed(counted, arm, metric).tolist())
        own = {"arm": arm} | {key: members[key].iloc[0] for key in keys}
        diverged = int((members["state"] == "diverged").sum())
        rows.append(own | {"n": n, "diverged": diverged, "mean": mean, "sd": sd, "low": low, "high": high})
    return pd.DataFrame(rows)


def _by_seed(counted: pd.DataFrame, arm: Any, metric: str) -> "pd.Series[float]":
    values: pd.Series[float] = counted[counted["arm"] == arm].set_index("seed")[metric]
    return values.sort_index()


def _with_differences(summary: pd.DataFrame, counted: pd.DataFrame, metric: str, baseline: str) -> pd.DataFrame:
    base = _by_seed(counted, baseline, metric)
    rows = [_difference(_by_seed(counted, arm, metric), base) if arm != baseline else {} for arm in summary["arm"]]
    columns = ["difference", "difference_low", "difference_high", "method"]
    return summary.join(pd.DataFrame(rows, columns=columns, index=summary.index))


def _difference(values: "pd.Series[float]", base: "pd.Series[float]") -> dict[str, Any]:
    if values.empty or base.empty:
        return {}
    # Replicates with one seed share weights and batches: the pairs take that common noise out of the difference.
    paired = values.index.is_unique and values.index.equals(base.index)
    mean, (low, high) = stats.mean_difference(values.tolist(), base.tolist(), paired=paired)
    method = "paired" if paired else "Welch"
    return {"difference": mean, "difference_low": low, "difference_high": high, "method": method}


def _method_notes(summary: pd.DataFrame, baseline: str) -> list[str]:
    notes = []
    if (summary["method"] == "paired").any():
        notes.append(f"differences to {baseline} are of pairs with equal seeds, with the t interval of the pairs")
    if unpaired := summary.loc[summary["method"] == "Welch", "arm"].tolist():
        arms_without = "; ".join(unpaired)
        notes.append(f"no pairs to {baseline}, as seeds differ or repeat, so Welch's interval: {arms_without}")
    return notes


def _baseline_arm(summary: pd.DataFrame, keys: list[str], baseline: str) -> str:
    """The one arm that meets all conditions of "key=value,key=value"."""
    chosen = summary
    # A comma inside a value, as in model.hidden=[128,64], does not begin a condition.
    for condition in re.split(r",\s*(?=[\w.]+=)", baseline):
        key, equals, value = condition.partition("=")
        if not equals:
            raise UserError(f"baseline '{baseline}' is not of the form column=value, as in norm.name=none")
        if key not in keys:
            made = f"made by: {', '.join(keys)}" if keys else "not told apart by any column"
            raise UserError(f"baseline '{baseline}': the arms are {made}; add '{key}' to --by.{nearest(key, keys)}")
        chosen = chosen[[_parsed(cell) == _parsed(value) for cell in chosen[key].fillna(arms.ABSENT)]]
    names = chosen["arm"].tolist()
    if len(names) == 1:
        return str(names[0])
    if not names:
        every = summary["arm"].tolist()
        raise UserError(f"baseline '{baseline}' is none of the arms: {'; '.join(every)}.{nearest(baseline, every)}")
    raise UserError(
        f"baseline '{baseline}' is {len(names)} arms: {'; '.join(names)}; give more column=value, with commas"
    )


def _parsed(text: str) -> Any:
    """So that 1e-3 is 0.001 and [128, 64] is [128,64]; a word is itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _left_out(replicates: pd.DataFrame, finite: "pd.Series[bool]", metric: str) -> list[str]:
    lines = []
    for row, has_metric in zip(replicates.to_dict("records"), finite, strict=True):
        name = f"{row['run']}/seed-{row['seed']}"
        if row["state"] == "done" and not has_metric:
            lines.append(f"not counted: {name} is done but has no finite {metric}")
        elif row["state"] not in ("done", "diverged"):
            lines.append(f"not counted: {name} is {row['state']}" + (f" ({row['error']})" if row["error"] else ""))
    return lines
