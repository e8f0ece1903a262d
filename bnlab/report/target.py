"""How soon the arms reach a target, with the replicates that never do counted as such."""

import math

import pandas as pd

from bnlab import stats
from bnlab.report.arms import ABSENT
from bnlab.report.compare import Comparison
from bnlab.report.names import short_names
from bnlab.report.tables import Table, p_text
from bnlab.report.units import split_and_kind, unit, words

Reaches = dict[str, list[stats.Reach]]


def default(comparison: Comparison) -> float:
    """What the baseline ends with on average; without one, what the last arm does. NaN if no arm has a mean."""
    means = comparison.summary.dropna(subset=["mean"]).set_index("arm")["mean"]
    base = comparison.baseline
    if means.empty:
        return math.nan
    return float(means[base] if base and base in means.index else means.iloc[-1])


def reaches(comparison: Comparison, curves: pd.DataFrame, target: float, clock: str = "step") -> Reaches:
    """Of each arm, for every replicate that finished or diverged, when it reached the target.

    A diverged one that had not reached it by then never will: it is censored at the end of its arm's training.

    Args:
        comparison: from `compare`.
        curves: from `curves.read_metrics`; with a column "seconds" for that clock.
        target: in the metric's own unit.
        clock: "step" or "seconds".
    """
    split, kind = split_and_kind(comparison.metric)
    trained = comparison.replicates[comparison.replicates["state"].isin(["done", "diverged"])]
    chosen = curves[(curves["split"] == split) & curves["row"].isin(trained.index)]
    chosen = chosen.assign(arm=chosen["row"].map(trained["arm"])).dropna(subset=[clock]).sort_values(["row", "step"])
    ends = chosen.groupby("arm")[clock].max().to_dict()
    found: Reaches = {str(arm): [] for arm in comparison.summary["arm"] if arm in ends}
    higher = unit(comparison.metric).higher
    for (arm, _), own in chosen.groupby(["arm", "row"])[[clock, kind]]:
        reach = stats.first_reach(own[clock].tolist(), own[kind].tolist(), target, higher=higher)
        found[str(arm)].append(reach if reach.reached else stats.Reach(float(ends[arm]), False))
    return found


def table(comparison: Comparison, curves: pd.DataFrame, target: float) -> Table | None:
    """A row per arm: how many reached the target, the median and restricted mean step, the area under the curve."""
    steps, seconds = (reaches(comparison, curves, target, clock) for clock in ("step", "seconds"))
    if not steps or math.isnan(target):
        return None
    horizon = min(max(reach.time for reach in arm) for arm in steps.values())
    areas = _areas(comparison, curves)
    base = steps.get(comparison.baseline or "")
    p_values = [
        stats.logrank(own, base) if base and arm != comparison.baseline else math.nan for arm, own in steps.items()
    ]
    rows = [
        (
            arm,
            len(own),
            sum(reach.reached for reach in own),
            stats.median_time(own),
            stats.restricted_mean(own, horizon),
            stats.median_time(seconds[arm]) if seconds.get(arm) else math.nan,
            areas.get(arm, math.nan),
            p,
        )
        for (arm, own), p in zip(steps.items(), stats.holm(p_values), strict=True)
    ]
    columns = ["arm", "n", "reached", "median_step", "restricted_mean_step", "median_seconds", "area", "logrank_p_holm"]
    data = pd.DataFrame(rows, columns=columns)
    title = f"steps to {words(comparison.metric)} of {unit(comparison.metric).number(target)}, seen at evaluations only"
    return Table("target", title, data, _cells(comparison, data, horizon), ("arm",))


def _areas(comparison: Comparison, curves: pd.DataFrame) -> dict[str, float]:
    """Of each arm the mean of its done replicates' areas under the curve, over steps."""
    split, kind = split_and_kind(comparison.metric)
    arm = comparison.replicates.loc[comparison.replicates["state"] == "done", "arm"]
    chosen = curves[(curves["split"] == split) & curves["row"].isin(arm.index)].sort_values("step")
    areas = {
        row: stats.area_under_curve(own["step"].tolist(), own[kind].tolist())
        for row, own in chosen.groupby("row")[["step", kind]]
    }
    found = pd.Series(areas, dtype="float64")
    return {str(name): float(mean) for name, mean in found.groupby(arm.reindex(found.index)).mean().items()}


def _cells(comparison: Comparison, data: pd.DataFrame, horizon: float) -> pd.DataFrame:
    def time(value: float, form: str = ",.0f") -> str:
        return ABSENT if pd.isna(value) else "not reached" if math.isinf(value) else f"{value:{form}}"

    cells = {
        "arm": data["arm"].map(short_names(comparison)),
        "reached": [f"{k} of {n}" for k, n in zip(data["reached"], data["n"], strict=True)],
        "median step": data["median_step"].map(time),
        f"mean step, cut at {horizon:,.0f}": data["restricted_mean_step"].map(time),
        "median seconds": data["median_seconds"].map(lambda value: time(value, ",.1f")),
        "mean over the curve": data["area"].map(unit(comparison.metric).number),
    }
    if data["logrank_p_holm"].notna().any():
        cells["log-rank Holm p"] = data["logrank_p_holm"].map(p_text)
    return pd.DataFrame(cells)
