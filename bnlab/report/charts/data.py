"""What the charts show, as tables in the units of their axes."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bnlab import stats
from bnlab.config import setting_words
from bnlab.report.charts.arms import MARKS, limits, marked, no_property
from bnlab.report.comparison import ABSENT, Comparison, setting_texts, sort_key, split_and_kind, telling_keys, unit
from bnlab.report.tables import curve_means
from bnlab.report.tables import target as targets

REACHED, NEVER = "reached", "never reached"
MOST_POINTS = 100
MOST_MARKS = 12
MOST_DOTS = 40
FEWEST_OF_A_PROFILE = 5
"""Seeds: of fewer a profile has no shape."""
BATCH_GAP = "train/eval gap"
TRAIN_GAP = "generalization gap"

Strata = Sequence[Sequence[float]]
"""The seeds' scores on each data set."""


def in_unit(metric: str, value: float) -> float:
    """A value of the metric on its axis: accuracies in percent."""
    return value * unit(metric).scale


def curve_metrics(comparison: Comparison, curves: pd.DataFrame) -> list[str]:
    """The metrics that were measured more than once: the report's own first."""
    counts = curves.groupby("split")["step"].nunique()
    splits = [str(split) for split in counts.index[counts > 1]]
    every = [f"{split}_{kind}" for split in splits for kind in ("accuracy", "loss")]
    return sorted(every, key=lambda metric: (metric != comparison.metric, every.index(metric)))


def curve_points(shown: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Means and 95 % bands of the arms' curves, at no more than a hundred evaluations of each; some get a mark."""
    points = _thinned(curve_means(comparison, curves, metric), MOST_POINTS).drop(columns="sd")
    points["mark"] = False
    points.loc[_thinned(points, MOST_MARKS).index, "mark"] = True
    points = _labelled(points, shown, metric, ["mean", "low", "high"])
    low, high = limits(metric)
    return points.assign(low=points["low"].clip(low, high), high=points["high"].clip(low, high))


def probe_points(shown: pd.DataFrame, comparison: Comparison, probed: pd.DataFrame) -> pd.DataFrame:
    """Of each quantity of each layer the arms' means over the seeds that finished, in finite numbers, by the step."""
    done = comparison.replicates.loc[comparison.replicates["state"] == "done", ["arm"]]
    own = probed[np.isfinite(probed["value"])].merge(done, left_on="row", right_index=True)
    if own.empty:
        return pd.DataFrame()
    keys = ["probe", "quantity", "layer", "arm", "step"]
    points = own.groupby(keys, sort=False)["value"].agg(mean="mean", n="size").reset_index()
    return _labelled(points, shown, comparison.metric, [])


def replicate_points(shown: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The final metric of the replicates that count; of many replicates the first ones."""
    done = comparison.replicates[comparison.replicates["state"] == "done"]
    points = done[["arm", "seed", comparison.metric]].rename(columns={comparison.metric: "value"}).dropna()
    return _labelled(points.groupby("arm").head(MOST_DOTS), shown, comparison.metric, ["value"])


def arm_strata(comparison: Comparison) -> dict[str, Strata]:
    """Of each arm its seeds' scores; higher is better in all."""
    sign = 1 if unit(comparison.metric).higher else -1
    return {arm: [(sign * values).tolist()] for arm, values in comparison.values.items()}


def profile_points(shown: pd.DataFrame, scores: Mapping[str, Strata], metric: str) -> pd.DataFrame:
    """Of each arm the share of its seeds above thresholds (of losses below), in percent, with its interval.

    Args:
        shown: from `arms.arms` or `arms.over_data`.
        scores: of each arm its seeds' scores on each data set; higher is better in all.
        metric: what the scores are of.
    """
    own = {arm: scores[arm] for arm in shown["arm"] if sum(map(len, scores[arm])) >= FEWEST_OF_A_PROFILE}
    if not own:
        return pd.DataFrame()
    sign = 1 if unit(metric).higher else -1
    every = sign * np.concatenate([stratum for strata in own.values() for stratum in strata])
    ends = np.quantile(every[np.isfinite(every)], (0, 1)) if np.isfinite(every).any() else np.zeros(2)
    edge = (ends[1] - ends[0]) / MOST_POINTS
    thresholds = np.linspace(ends[0] - edge, ends[1] + edge, MOST_POINTS)
    tables = []
    for arm, strata in own.items():
        share, low, high = stats.performance_profile(strata, (sign * thresholds).tolist())
        shares = {"share": 100 * share, "low": 100 * low, "high": 100 * high}
        tables.append(pd.DataFrame({"arm": arm, "threshold": thresholds, **shares, "n": sum(map(len, strata))}))
    return _labelled(pd.concat(tables), shown, metric, ["threshold"])


def numeric_keys(shown: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """The keys of the arms that are numbers, and more than one."""
    return [key for key in keys if _numbers(shown[key]).nunique() > 1]


def setting_points(every: pd.DataFrame, comparison: Comparison, key: str) -> pd.DataFrame:
    """The arms with a number for that setting, best line first, labelled by everything else."""
    points = every.assign(setting=_numbers(every[key])).dropna(subset=["setting"])
    keys = telling_keys(comparison)
    rest = setting_texts(points, [name for name in keys if name not in (key, setting_words.SCHEME)])
    if setting_words.SCHEME in keys:
        points["setting_text"] = rest
    else:
        points["scheme"] = [text or "all" for text in rest]
    points["label"] = [", ".join(filter(None, row)) for row in points[["scheme", "setting_text"]].to_numpy().tolist()]
    points = points[[*MARKS, "setting", "status", "n", "mean", "low", "high"]]
    return points if setting_words.SCHEME in keys else marked(points, by_scheme=False)


def heat_cells(comparison: Comparison, down: str, across: str) -> pd.DataFrame:
    """The mean of every arm with its two settings; "diverged" or "no result" without one."""
    of, rows = unit(comparison.metric), comparison.summary
    cells = rows.fillna({down: ABSENT, across: ABSENT})
    without = rows["diverged"].map(lambda count: "diverged" if count else "no result")
    text = rows["mean"].map(of.number).where(rows["mean"].notna(), without)
    words = {
        name: [no_property(word) for word in setting_words.rounded(cells[key].tolist())]
        for name, key in (("down", down), ("across", across))
    }
    cells = cells.assign(**words, text=text, mean=cells["mean"] * of.scale)
    return cells[["down", "across", "n", "diverged", "mean", "text"]]


def in_order(values: "pd.Series[str]") -> list[str]:
    """Distinct values, numbers by size."""
    return sorted(values.unique(), key=sort_key)


def gap_points(shown: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Of every done replicate: batch statistics - running ones on the test images, and training - test."""
    _, kind = split_and_kind(comparison.metric)
    done = comparison.replicates[comparison.replicates["state"] == "done"]
    parts = []
    for name, split in ((BATCH_GAP, "test_batch_stats"), (TRAIN_GAP, "train")):
        if {f"{split}_{kind}", f"test_{kind}"} <= set(done.columns):
            value = done[f"{split}_{kind}"] - done[f"test_{kind}"]
            parts.append(done[["arm", "seed"]].assign(kind=name, value=value).groupby("arm").head(MOST_DOTS))
    if not parts:
        return pd.DataFrame()
    return _labelled(pd.concat(parts).dropna(), shown, comparison.metric, ["value"])


def reach_points(shown: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, target: float) -> pd.DataFrame:
    """How many of an arm's replicates reached the target at a step, and how many had not by the last one.

    `offset` keeps the two kinds apart where they are at one step.
    """
    rows = [
        (arm, reach.time, REACHED if reach.reached else NEVER)
        for arm, own in targets.reaches(comparison, curves, target).items()
        for reach in own
    ]
    each = pd.DataFrame(rows, columns=["arm", "time", "reached"])
    points = each.groupby(["arm", "time", "reached"], as_index=False).size().rename(columns={"size": "replicates"})
    both = points.duplicated(["arm", "time"], keep=False)
    points["offset"] = points["reached"].map({REACHED: -0.4, NEVER: 0.4}).where(both, 0.0)
    return _labelled(points, shown, comparison.metric, [])


def _thinned(points: pd.DataFrame, most: int) -> pd.DataFrame:
    """No more than so many points of each arm, and its last one."""
    number, count = points.groupby("arm").cumcount(), points.groupby("arm")["step"].transform("size")
    stride = (count - 1) // most + 1
    return points[(number % stride == 0) | (number == count - 1)]


def _labelled(points: pd.DataFrame, shown: pd.DataFrame, metric: str, scaled: Sequence[str]) -> pd.DataFrame:
    """The points of the shown arms with what marks them, in the axis' unit and six digits."""
    table = points.merge(shown[["arm", *MARKS]], on="arm").drop(columns=["arm", "color", "shape"])
    for column in scaled:
        table[column] = (table[column] * unit(metric).scale).map(lambda value: float(f"{value:.6g}"))
    return table


def _numbers(texts: "pd.Series[str]") -> "pd.Series[float]":
    def number(text: object) -> float:
        try:
            value = json.loads(str(text))
        except ValueError:
            return float("nan")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")

    return texts.map(number).astype(float)
