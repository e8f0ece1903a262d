"""The data of the charts, as tables in the units of the axes."""

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
"""Seeds; with fewer a profile is too coarse to show."""
BATCH_GAP = "train/eval gap"
TRAIN_GAP = "generalization gap"

Strata = Sequence[Sequence[float]]
"""For each data set, the scores of the seeds."""


def in_unit(metric: str, value: float) -> float:
    """A value in the unit of the axis: percent for accuracies, nats for losses."""
    return value * unit(metric).scale


def curve_metrics(comparison: Comparison, curves: pd.DataFrame) -> list[str]:
    """The metrics with a learning curve (more than one evaluation), the metric of the report first."""
    counts = curves.groupby("split")["step"].nunique()
    splits = [str(split) for split in counts.index[counts > 1]]
    every = [f"{split}_{kind}" for split in splits for kind in ("accuracy", "loss")]
    return sorted(every, key=lambda metric: (metric != comparison.metric, every.index(metric)))


def curve_points(shown: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Means and 95 % bands of the arms' learning curves, at about `MOST_POINTS` evaluations; `mark`: draw a point."""
    points = _thinned(curve_means(comparison, curves, metric), MOST_POINTS).drop(columns="sd")
    points["mark"] = False
    points.loc[_thinned(points, MOST_MARKS).index, "mark"] = True
    points = _labelled(points, shown, metric, ["mean", "low", "high"])
    low, high = limits(metric)
    return points.assign(low=points["low"].clip(low, high), high=points["high"].clip(low, high))


def probe_points(shown: pd.DataFrame, comparison: Comparison, probed: pd.DataFrame) -> pd.DataFrame:
    """For each quantity, layer, arm and step, the mean of the finite values over the seeds that finished."""
    done = comparison.replicates.loc[comparison.replicates["state"] == "done", ["arm"]]
    own = probed[np.isfinite(probed["value"])].merge(done, left_on="row", right_index=True)
    if own.empty:
        return pd.DataFrame()
    keys = ["probe", "quantity", "layer", "arm", "step"]
    points = own.groupby(keys, sort=False)["value"].agg(mean="mean", n="size").reset_index()
    return _labelled(points, shown, comparison.metric, [])


def replicate_points(shown: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The final metric of each replicate that is done, but of no more than `MOST_DOTS` in an arm."""
    done = comparison.replicates[comparison.replicates["state"] == "done"]
    points = done[["arm", "seed", comparison.metric]].rename(columns={comparison.metric: "value"}).dropna()
    return _labelled(points.groupby("arm").head(MOST_DOTS), shown, comparison.metric, ["value"])


def arm_strata(comparison: Comparison) -> dict[str, Strata]:
    """By arm, the scores of its seeds, as one stratum; losses with the sign turned, so that higher is better."""
    sign = 1 if unit(comparison.metric).higher else -1
    return {arm: [(sign * values.to_numpy()).tolist()] for arm, values in comparison.values.items()}


def profile_points(shown: pd.DataFrame, scores: Mapping[str, Strata], metric: str) -> pd.DataFrame:
    """For each arm and threshold, the percentage of seeds above it (for losses below it), with its 95 % interval.

    Args:
        shown: from `arms.arms` or `arms.over_data`.
        scores: by arm, the scores of its seeds on each data set; higher is better.
        metric: the metric of the scores.
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
    """The columns among `keys` with at least two different numbers."""
    return [key for key in keys if _numbers(shown[key]).nunique() > 1]


def setting_points(every: pd.DataFrame, comparison: Comparison, key: str) -> pd.DataFrame:
    """The arms with a number for the setting `key`, labelled by their other settings, the best label first."""
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
    """A cell per arm: its two settings, its mean, and the mean as text, or "diverged" or "no result" without one."""
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
    """The distinct values: words first, then numbers by size."""
    return sorted(values.unique(), key=sort_key)


def gap_points(shown: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Two gaps of each done replicate: test with batch statistics - test with running ones, and training - test."""
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
    """For each arm and time, how many replicates first reached the target then, or ended then without reaching it.

    The column `offset` keeps the two kinds apart if they are at the same time.

    Args:
        shown: from `arms.arms`.
        comparison: from `compare`.
        curves: the metrics of `curves.read`.
        target: in the metric's own unit.
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
    """At most `most` evenly spaced points of each arm, and its last one."""
    number, count = points.groupby("arm").cumcount(), points.groupby("arm")["step"].transform("size")
    stride = (count - 1) // most + 1
    return points[(number % stride == 0) | (number == count - 1)]


def _labelled(points: pd.DataFrame, shown: pd.DataFrame, metric: str, scaled: Sequence[str]) -> pd.DataFrame:
    """The points of the shown arms with their labels; the columns `scaled` in the axis' unit, with six digits."""
    table = points.merge(shown[["arm", *MARKS]], on="arm").drop(columns=["arm", "color", "shape"])
    for column in scaled:
        table[column] = (table[column] * unit(metric).scale).map(lambda value: float(f"{value:.6g}"))
    return table


def _numbers(texts: "pd.Series[str]") -> "pd.Series[float]":
    """The texts as numbers, NaN for what is not one."""

    def number(text: object) -> float:
        try:
            value = json.loads(str(text))
        except ValueError:
            return float("nan")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")

    return texts.map(number).astype(float)
