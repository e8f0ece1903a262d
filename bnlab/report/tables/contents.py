"""The tables of a report: each as numbers for programs, and as text for people."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bnlab import stats
from bnlab.config import setting_words
from bnlab.report.comparison import (
    ABSENT,
    Comparison,
    Unit,
    contrasts,
    short_names,
    sort_key,
    split_and_kind,
    telling_keys,
    unit,
    words,
)

BEST = " (best)"
OVER_IMAGES = "over seeds and images"
MOST_EVALUATIONS = 10
"""The most evaluations that the table of epochs shows."""


@dataclass(frozen=True)
class Table:
    """A table as numbers and as text.

    Attributes:
        name: the name of its file.
        title: the line above it.
        data: the numbers, unrounded, in the metric's own unit.
        cells: the same as text.
        labels: the columns of `cells` that are words, not numbers, and are aligned left.
        spare: the columns of `cells` that are left out, in this order, if there is no room for all.
        best: for each row of `cells`, whether it is the arm with an established lead; empty: no row is.
    """

    name: str
    title: str
    data: pd.DataFrame
    cells: pd.DataFrame
    labels: tuple[str, ...]
    spare: tuple[str, ...] = ()
    best: tuple[bool, ...] = ()


def summary(comparison: Comparison) -> Table:
    """A row per arm, best first, with the difference to the baseline if there is one."""
    data, of = comparison.summary, unit(comparison.metric)
    keys = telling_keys(comparison)
    cells = {setting_words.name(key): _values(data[key].fillna(ABSENT).tolist()) for key in keys or ["arm"]}
    labels = list(cells)
    best = tuple(bool(best) for best in data["best"])
    cells[labels[0]] = [cell + BEST * mark for cell, mark in zip(cells[labels[0]], best, strict=True)]
    cells["n"] = [str(n) for n in data["n"]]
    if data["diverged"].any():
        cells["diverged"] = [str(count) for count in data["diverged"]]
    cells["mean"] = [of.number(value) for value in data["mean"]]
    cells["sd"] = [of.number(value) for value in data["sd"]]
    cells["95 % interval"] = _intervals(data, of)
    if data["low_images"].notna().any():
        cells[OVER_IMAGES] = _intervals(data, of, suffix="_images")
    name = of.gap if of.gap == "points" else "difference"
    if comparison.baseline and not comparison.withheld:
        cells[name] = [of.number(value, "+") for value in data["difference"]]
        cells[f"{name}, 95 % together"] = _intervals(data, of, "difference_", "+")
        cells["corrected p"] = [p_text(p) for p in data["p_corrected"]]
    last = ", arms with diverged seeds last" if data["diverged"].any() else ""
    title = f"{words(comparison.metric)}, best first{last}; intervals each alone, over seeds, on these images"
    spare = ("sd", OVER_IMAGES, "95 % interval", f"{name}, 95 % together", "corrected p")
    return Table("summary", title, data, pd.DataFrame(cells), tuple(labels), spare, best)


def comparisons(comparison: Comparison) -> Table | None:
    """A row per pair of arms that were compared; None if no pairs were."""
    if not comparison.pairs:
        return None
    of, names = unit(comparison.metric), short_names(comparison)
    data = contrasts.frame(comparison.pairs, higher=of.higher)
    cells = pd.DataFrame(
        {
            "arm": data["first"].map(names),
            "against": data["second"].map(names),
            "method": data["method"],
            "n": data["n"].astype(str),
            of.gap: data["difference"].map(lambda value: of.number(value, "+")),
            "95 %, together": _intervals(data, of, sign="+"),
            "p": data["p"].map(p_text),
            "corrected p": data["p_corrected"].map(p_text),
            "chance to be better": data["better"].map(lambda share: f"{100 * share:.0f} %"),
        }
    )
    together = f"together, {OVER_IMAGES}"
    if data["low_images"].notna().any():
        cells[together] = _intervals(data, of, sign="+", suffix="_images")
        cells[f"corrected p, {OVER_IMAGES}"] = data["p_corrected_images"].map(p_text)
    title = f"{words(comparison.metric)}: arms against each other"
    spare = ("chance to be better", "p", together, f"corrected p, {OVER_IMAGES}", "95 %, together")
    return Table("comparisons", title, data, cells, ("arm", "against", "method"), spare)


def pivot(comparison: Comparison) -> Table | None:
    """If two settings define the arms, a cross table: mean ± half of its interval; else None."""
    keys = telling_keys(comparison)
    if len(keys) != 2:
        return None
    down, across = keys
    of, rows = unit(comparison.metric), comparison.summary.fillna({down: ABSENT, across: ABSENT})
    text = [
        of.number(mean) + ("" if pd.isna(high) else f" ± {of.number(max(high - mean, mean - low))}")
        for mean, low, high in zip(rows["mean"], rows["low"], rows["high"], strict=True)
    ]
    order = {key: sorted(rows[key].unique(), key=sort_key) for key in (down, across)}
    crossed = rows.assign(text=text).pivot(index=down, columns=across, values="text")
    crossed = crossed.reindex(index=order[down], columns=order[across]).fillna(ABSENT)
    crossed.columns = [setting_words.phrase({across: value}) for value in _values(order[across])]
    crossed.index = pd.Index(_values(order[down]))
    crossed.index.name = setting_words.name(down)
    data = rows[[down, across, "n", "diverged", "mean", "sd", "low", "high"]]
    by = f"{setting_words.name(down)} by {setting_words.name(across)}"
    title = f"{words(comparison.metric)}: {by}, mean ± half of the 95 % interval"
    return Table("pivot", title, data, crossed.reset_index(), (setting_words.name(down),))


def epochs(comparison: Comparison, curves: pd.DataFrame) -> Table | None:
    """A row per arm, a column per evaluation, but at most `MOST_EVALUATIONS`: means of the replicates that finished.

    `data` has a row per arm and evaluation, for all evaluations, with intervals.
    """
    data = curve_means(comparison, curves, comparison.metric)
    if data.empty:
        return None
    of, names = unit(comparison.metric), short_names(comparison)
    every = sorted(data["epoch"].unique())
    order = _thinning(len(every))
    shown = sorted(order[-MOST_EVALUATIONS:])
    grid = data.assign(text=data["mean"].map(of.number)).pivot(index="arm", columns="epoch", values="text")
    grid = grid.reindex([arm for arm in comparison.summary["arm"] if arm in grid.index]).fillna(ABSENT)
    cells = grid[[every[index] for index in shown]]
    heads = dict(zip(shown, setting_words.rounded([f"{every[index]:g}" for index in shown]), strict=True))
    cells.columns = list(heads.values())
    spare = tuple(heads[index] for index in order[-MOST_EVALUATIONS:-1])
    cells.insert(0, "arm", [names[str(arm)] for arm in cells.index])
    what = "every evaluation" if len(shown) == len(every) else f"{len(shown)} of {len(every)} evaluations"
    title = f"{words(comparison.metric)} by epoch, at {what}: means of the replicates that finished"
    return Table("epochs", title, data, cells.reset_index(drop=True), ("arm",), spare)


def _thinning(count: int) -> list[int]:
    """The numbers from 0 to count - 1 in the order in which columns are left out: every second one, repeatedly.

    The last number, the end of the training, is the last one in this order.
    """
    left, order = list(range(count)), []
    while len(left) > 1:
        out = left[-2::-2]
        order += out[::-1]
        left = [index for index in left if index not in out]
    return order + left


def cost(comparison: Comparison, timing: pd.DataFrame) -> Table | None:
    """A row per arm: mean seconds of training, images per second, replicates side by side, and parameters if stored."""
    done = comparison.replicates[comparison.replicates["state"] == "done"]
    if done.empty or done["seconds"].isna().all():
        return None
    speed = timing.groupby("row")[["images_per_second", "replicates"]].median()
    groups = done.join(speed).groupby("arm")[["seconds", "images_per_second", "replicates", "parameters"]].mean()
    data = groups.reindex([arm for arm in comparison.summary["arm"] if arm in groups.index]).dropna(axis=1, how="all")
    heads = {
        "seconds": ("seconds of training", "{:,.1f}"),
        "images_per_second": ("images/s per replicate", "{:,.0f}"),
        "replicates": ("replicates side by side", "{:g}"),
        "parameters": ("parameters", "{:,.0f}"),
    }
    names = short_names(comparison)
    cells = {"arm": [names[str(arm)] for arm in data.index]}
    for column in data:
        head, form = heads[str(column)]
        cells[head] = [ABSENT if pd.isna(value) else form.format(value) for value in data[column]]
    title = "cost: means of the replicates that finished; replicates trained side by side share their seconds"
    spare = ("replicates side by side", "parameters")
    return Table("cost", title, data.reset_index(), pd.DataFrame(cells), ("arm",), spare)


def curve_means(comparison: Comparison, curves: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The learning curves of the arms over done replicates: arm, epoch, step, n, mean, sd, low and high (95 %)."""
    split, kind = split_and_kind(metric)
    arm = comparison.replicates.loc[comparison.replicates["state"] == "done", "arm"]
    chosen = curves[(curves["split"] == split) & curves["row"].isin(arm.index)]
    chosen = chosen.assign(arm=chosen["row"].map(arm), seed=chosen["row"].map(comparison.replicates["seed"]))
    # A seed counts once, also where an arm holds several settings of it.
    by_seed = chosen.groupby(["arm", "epoch", "step", "seed"], sort=False)[kind].mean().reset_index()
    return stats.summarize_groups(by_seed, ["arm", "epoch", "step"], kind)


def p_text(p: float) -> str:
    """A p value with three decimals."""
    return ABSENT if pd.isna(p) else "< .001" if p < 0.001 else f"{p:.3f}"


def _values(values: Sequence[str]) -> list[str]:
    """The values of one setting as text: numbers as in the names of arms, lists in the form that --baseline takes."""
    rounded = setting_words.rounded(values)
    return [value if value.startswith("[") else short for value, short in zip(values, rounded, strict=True)]


def _intervals(data: pd.DataFrame, of: Unit, prefix: str = "", sign: str = "", suffix: str = "") -> list[str]:
    ends = zip(data[f"{prefix}low{suffix}"], data[f"{prefix}high{suffix}"], strict=True)
    return [ABSENT if pd.isna(low) else f"{of.number(low, sign)} to {of.number(high, sign)}" for low, high in ends]


def present(tables: Sequence[Table | None]) -> list[Table]:
    """The tables without the None among them."""
    return [table for table in tables if table is not None]
