"""The time until arms reach a target; replicates that never reach it are censored (survival analysis)."""

import math

import pandas as pd

from bnlab import stats
from bnlab.report.comparison import ABSENT, Comparison, short_names, split_and_kind, unit, words
from bnlab.report.tables.contents import Table, p_text
from bnlab.store import FINISHED

Reaches = dict[str, list[stats.Reach]]

SAME_STEPS = 1.01
"""Up to this ratio, numbers of steps per epoch count as equal: `drop_last` makes them differ by one."""


def default(comparison: Comparison) -> float:
    """The default target: the final mean of the baseline, or without one of the last arm; NaN if no arm has a mean."""
    means = comparison.summary.dropna(subset=["mean"]).set_index("arm")["mean"]
    base = comparison.baseline
    if means.empty:
        return math.nan
    return float(means[base] if base and base in means.index else means.iloc[-1])


def clock(curves: pd.DataFrame) -> str:
    """The unit in which times can be compared between arms: "step", or "epoch" if their epochs differ in steps."""
    fewest, most = _steps_per_epoch(curves)
    return "epoch" if most > SAME_STEPS * fewest else "step"


def reaches(comparison: Comparison, curves: pd.DataFrame, target: float, by: str | None = None) -> Reaches:
    """By arm, when each replicate that finished or diverged first reached the target.

    A diverged replicate that had not reached the target by then never will, even if it was never evaluated: it is
    censored at the end of its arm's training, or if the whole arm diverged, at the end of the longest other arm.

    Args:
        comparison: from `compare`.
        curves: the metrics of `curves.read`; for times in seconds `Measured.timed`, which has that column.
        target: in the metric's own unit (accuracies are fractions).
        by: the unit of time, "step", "epoch" or "seconds"; None: `clock`.
    """
    by = by or clock(curves)
    trained, seen = _evaluations(comparison, curves, by)
    if seen.empty:
        return {}
    kind = split_and_kind(comparison.metric)[1]
    found = stats.first_reaches(seen, by, kind, target, higher=unit(comparison.metric).higher)
    expected = trained.index[(trained["state"] == "diverged") | trained.index.isin(found.index)]
    found = found.reindex(expected).join(trained["arm"])
    reached = found["reached"].eq(True)
    ends = _ends(seen, by)
    times = found["time"].where(reached, found["arm"].map(ends).fillna(ends.max()))
    of_arms: Reaches = {arm: [] for arm in comparison.summary["arm"]}
    for arm, time, there in zip(found["arm"], times.tolist(), reached.tolist(), strict=True):
        of_arms[arm].append(stats.Reach(time, there))
    return {arm: own for arm, own in of_arms.items() if own}


def table(comparison: Comparison, curves: pd.DataFrame, target: float) -> Table | None:
    """A row per arm: how many replicates reached the target, median and restricted mean time, area under the curve.

    Times are in the unit of `clock`. The horizon of the restricted mean is the end of the shortest training of an arm.

    Args:
        comparison: from `compare`.
        curves: `Measured.timed`.
        target: in the metric's own unit; None is returned for NaN.
    """
    by = clock(curves)
    times, seconds = (reaches(comparison, curves, target, each) for each in (by, "seconds"))
    if not times or math.isnan(target):
        return None
    horizon = float(_ends(_evaluations(comparison, curves, by)[1], by).min())
    areas = _areas(comparison, curves)
    base = None if comparison.withheld else times.get(comparison.baseline or "")
    p_values = [
        stats.logrank(own, base) if base and arm != comparison.baseline else math.nan for arm, own in times.items()
    ]
    rows = [
        {
            "arm": arm,
            "target": target,
            "unit": by,
            "n": len(own),
            "reached": sum(reach.reached for reach in own),
            "median": stats.median_time(own),
            "restricted_mean": stats.restricted_mean(own, horizon),
            "horizon": horizon,
            "median_seconds": stats.median_time(seconds[arm]) if arm in seconds else math.nan,
            "area": areas.get(arm, math.nan),
            "logrank_p_holm": p,
        }
        for (arm, own), p in zip(times.items(), stats.holm(p_values), strict=True)
    ]
    data = pd.DataFrame(rows)
    goal = unit(comparison.metric).number(target)
    title = f"{by}s to {words(comparison.metric)} of {goal}, seen at evaluations only"
    if by == "epoch":
        fewest, most = _steps_per_epoch(curves)
        title += f"; not in steps, of which an epoch has {fewest:,.0f} to {most:,.0f}"
    spare = ("mean over the curve", "median seconds", f"mean {by}, cut at {horizon:,g}")
    return Table("target", title, data, _cells(comparison, data, by, horizon), ("arm",), spare)


def _steps_per_epoch(curves: pd.DataFrame) -> tuple[float, float]:
    """The fewest and the most steps per epoch of any replicate, from its last evaluation."""
    last = curves.groupby("row")[["step", "epoch"]].max()
    ratio = last["step"] / last["epoch"]
    return float(ratio.min()), float(ratio.max())


def _evaluations(comparison: Comparison, curves: pd.DataFrame, by: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The replicates that finished or diverged, and the rows of their evaluations of the metric, with arm and state."""
    trained = comparison.replicates[comparison.replicates["state"].isin(FINISHED)]
    of_metric = curves[curves["split"] == split_and_kind(comparison.metric)[0]].dropna(subset=[by])
    return trained, of_metric.join(trained[["arm", "state"]], on="row", how="inner")


def _ends(seen: pd.DataFrame, by: str) -> "pd.Series[float]":
    """By arm, the time of the last evaluation of replicates that finished; of all if none of any arm finished."""
    finished = seen[seen["state"] == "done"]
    return (seen if finished.empty else finished).groupby("arm")[by].max()


def _areas(comparison: Comparison, curves: pd.DataFrame) -> dict[str, float]:
    """By arm, the mean area under the learning curve (metric over steps) of its done replicates."""
    _, seen = _evaluations(comparison, curves, "step")
    finished = seen[seen["state"] == "done"]
    areas = stats.areas_under_curves(finished, "step", split_and_kind(comparison.metric)[1])
    means = areas.groupby(comparison.replicates["arm"].reindex(areas.index)).mean()
    return {str(arm): float(mean) for arm, mean in means.items()}


def _cells(comparison: Comparison, data: pd.DataFrame, by: str, horizon: float) -> pd.DataFrame:
    form = ",.0f" if by == "step" else ",.2f"

    def time(value: float, form: str = form) -> str:
        return ABSENT if pd.isna(value) else "not reached" if math.isinf(value) else f"{value:{form}}"

    cells = {
        "arm": data["arm"].map(short_names(comparison)),
        "reached": [f"{k} of {n}" for k, n in zip(data["reached"], data["n"], strict=True)],
        f"median {by}": data["median"].map(time),
        f"mean {by}, cut at {horizon:,g}": data["restricted_mean"].map(time),
        "median seconds": data["median_seconds"].map(lambda value: time(value, ",.1f")),
        "mean over the curve": data["area"].map(unit(comparison.metric).number),
    }
    if data["logrank_p_holm"].notna().any():
        cells["log-rank Holm p"] = data["logrank_p_holm"].map(p_text)
    return pd.DataFrame(cells)
