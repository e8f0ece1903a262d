"""What the charts show, as tables in the units of their axes."""

import json
from collections.abc import Sequence

import pandas as pd

from bnlab.report import target as targets
from bnlab.report.arms import ABSENT
from bnlab.report.compare import Comparison
from bnlab.report.names import SCHEME, short_names, telling_keys
from bnlab.report.tables import curve_means, sort_key
from bnlab.report.units import split_and_kind, unit

# The palette of Okabe and Ito (2008), told apart by every kind of colour vision; its yellow is too pale for lines.
COLORS = {
    "none": "#000000",
    "batch": "#0072B2",
    "layer": "#E69F00",
    "group": "#009E73",
    "instance": "#CC79A7",
    "rms": "#D55E00",
}
MORE_COLORS = ["#56B4E9", "#999999", "#7B5F00", "#5D3A9B", "#A6761D", "#882255"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 2, 1, 2]]
REACHED, NEVER = "reached", "never reached"
MOST_POINTS = 100
MOST_LINES = 12
MOST_DOTS = 40
BATCH_GAP = "test with batch statistics - test (train/eval gap)"
TRAIN_GAP = "training - test (generalization gap)"
SETTINGS = {
    "data.batch_size": "batch size (images)",
    "optimizer.lr": "learning rate",
    "norm.momentum": "momentum (weight of the new batch)",
    "norm.eps": "eps",
    "norm.name": "scheme",
}


def color(scheme: str, schemes: Sequence[str]) -> str:
    """A scheme's colour: always the same of a known one, else the next that is free."""
    unknown = [name for name in schemes if name not in COLORS]
    return COLORS.get(scheme) or MORE_COLORS[unknown.index(scheme) % len(MORE_COLORS)]


def setting_words(key: str) -> str:
    """A config key for people."""
    return SETTINGS.get(key, key)


def in_unit(metric: str, value: float) -> float:
    """A value of the metric on its axis: accuracies in percent."""
    return value * unit(metric).scale


def arms(comparison: Comparison) -> pd.DataFrame:
    """A row per arm, best first: arm, label, scheme, setting_text, n, mean, low, high and the keys of the arms."""
    table = comparison.summary.copy()
    names = short_names(comparison)
    of = unit(comparison.metric).scale
    table["name"] = table["arm"].map(names)
    keys = telling_keys(comparison)
    table["scheme"] = table[SCHEME] if SCHEME in keys else table["name"]
    table["setting_text"] = _setting_text(table, [key for key in keys if key != SCHEME]) if SCHEME in keys else ""
    counts = table["n"] + table["diverged"]
    table["label"] = [
        f"{name} ({diverged} of {count} diverged)" if diverged else name
        for name, diverged, count in zip(table["name"], table["diverged"], counts, strict=True)
    ]
    for column in ("mean", "low", "high"):
        table[column] *= of
    return table[["arm", "label", "scheme", "setting_text", "n", "mean", "low", "high", *keys]]


def lines(shown: pd.DataFrame) -> pd.DataFrame:
    """The arms that get a line: all, or of more than twelve the best one of each scheme."""
    return shown if len(shown) <= MOST_LINES else shown.drop_duplicates("scheme").head(MOST_LINES)


def curve_metrics(comparison: Comparison, curves: pd.DataFrame) -> list[str]:
    """The metrics that were measured more than once: the report's own first."""
    counts = curves.groupby("split")["step"].nunique()
    splits = [str(split) for split in counts.index[counts > 1]]
    every = [f"{split}_{kind}" for split in splits for kind in ("accuracy", "loss")]
    return sorted(every, key=lambda metric: (metric != comparison.metric, every.index(metric)))


def curve_points(shown: pd.DataFrame, comparison: Comparison, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Means and 95 % bands of the arms' curves, at no more than a hundred evaluations of each."""
    points = curve_means(comparison, curves, metric)
    number, count = points.groupby("arm").cumcount(), points.groupby("arm")["step"].transform("size")
    stride = (count - 1) // MOST_POINTS + 1
    points = points[(number % stride == 0) | (number == count - 1)]
    return _labelled(points.drop(columns="sd"), shown, metric, ["mean", "low", "high"])


def replicate_points(shown: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The final metric of the replicates that count; of many replicates the first ones."""
    done = comparison.replicates[comparison.replicates["state"] == "done"]
    points = done[["arm", "seed", comparison.metric]].rename(columns={comparison.metric: "value"}).dropna()
    return _labelled(points.groupby("arm").head(MOST_DOTS), shown, comparison.metric, ["value"])


def numeric_keys(shown: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """The keys of the arms that are numbers, and more than one."""
    return [key for key in keys if _numbers(shown[key]).nunique() > 1]


def setting_points(shown: pd.DataFrame, comparison: Comparison, key: str) -> pd.DataFrame:
    """The arms with a number for that setting, labelled by everything else."""
    points = shown.assign(setting=_numbers(shown[key])).dropna(subset=["setting", "mean"])
    keys = telling_keys(comparison)
    points["setting_text"] = _setting_text(points, [name for name in keys if name not in (key, SCHEME)])
    if SCHEME not in keys:
        points["scheme"] = points["setting_text"].replace("", "all")
        points["setting_text"] = ""
    points["label"] = [", ".join(filter(None, row)) for row in points[["scheme", "setting_text"]].to_numpy().tolist()]
    return points.drop(columns=keys)


def heat_cells(comparison: Comparison, down: str, across: str) -> pd.DataFrame:
    """The mean of every arm with its two settings."""
    of = unit(comparison.metric)
    cells = comparison.summary.dropna(subset=["mean"]).fillna({down: ABSENT, across: ABSENT})
    cells = cells.assign(down=cells[down], across=cells[across], text=cells["mean"].map(of.number))
    return cells.assign(mean=cells["mean"] * of.scale)[["down", "across", "n", "mean", "text"]]


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
    """A row per replicate that was trained: the step at which it reached the target, or its last one."""
    rows = [
        (arm, index, reach.time, REACHED if reach.reached else NEVER)
        for arm, own in targets.reaches(comparison, curves, target).items()
        for index, reach in enumerate(own[:MOST_DOTS])
    ]
    points = pd.DataFrame(rows, columns=["arm", "replicate", "step", "reached"])
    return _labelled(points, shown, comparison.metric, [])


def _labelled(points: pd.DataFrame, shown: pd.DataFrame, metric: str, scaled: Sequence[str]) -> pd.DataFrame:
    """The points of the shown arms with label, scheme and setting, in the axis' unit and six digits."""
    table = points.merge(shown[["arm", "label", "scheme", "setting_text"]], on="arm").drop(columns="arm")
    for column in scaled:
        table[column] = (table[column] * unit(metric).scale).map(lambda value: float(f"{value:.6g}"))
    return table


def _setting_text(table: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    rows = table[list(keys)].fillna(ABSENT).to_numpy().tolist()
    return [
        ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in zip(keys, row, strict=True) if value != ABSENT)
        for row in rows
    ]


def _numbers(texts: "pd.Series[str]") -> "pd.Series[float]":
    def number(text: object) -> float:
        try:
            value = json.loads(str(text))
        except ValueError:
            return float("nan")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")

    return texts.map(number).astype(float)
