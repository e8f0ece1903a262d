"""Interquartile means and chances to be better, per data set and over all, as in rliable; see `bnlab.stats.robust`."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bnlab import stats
from bnlab.report.comparison import ABSENT, MOST_PAIRED_ARMS, Comparison, names_of, unit, words
from bnlab.report.tables.contents import Table

DATA, EVERY = "data.name", "all"
"""The setting that tells data sets apart, and the name for all data sets together."""
FEWEST = 2


@dataclass(frozen=True)
class Group:
    """The arms of a comparison that differ in the data set only.

    Attributes:
        arm: their common name without the data set, "norm.name=batch".
        name: the same for people, "batch".
        strata: by data set, the metric of the seeds; losses with the sign turned, so that higher is better.
        arms: by data set, the name of the arm in the comparison.
    """

    arm: str
    name: str
    strata: dict[str, list[float]]
    arms: dict[str, str]


def groups(comparison: Comparison) -> list[Group]:
    """The arms with at least two seeds, grouped over data sets."""
    summary, sign = comparison.summary, 1.0 if unit(comparison.metric).higher else -1.0
    keys = [key for key in comparison.by if key != DATA]
    cells = {key: summary[key].fillna(ABSENT).tolist() for key in keys}
    labels = [", ".join(f"{key}={cells[key][row]}" for key in keys) or EVERY for row in range(len(summary))]
    own = summary.assign(arm=labels)
    names = names_of(own.drop_duplicates("arm"), keys)
    data = summary[DATA] if DATA in comparison.by else [EVERY] * len(summary)
    found: dict[str, Group] = {}
    for label, place, arm in zip(labels, data, summary["arm"], strict=True):
        values = (sign * comparison.values[arm].to_numpy()).tolist()
        if len(values) >= FEWEST:
            group = found.setdefault(label, Group(label, names[label], {}, {}))
            group.strata[place], group.arms[place] = values, arm
    return list(found.values())


def table(comparison: Comparison) -> Table | None:
    """A row per arm and data set, and one over all its data sets if there are several; None if no arm has two seeds."""
    every, of = groups(comparison), unit(comparison.metric)
    if not every:
        return None
    data = pd.DataFrame([row for group in every for row in _rows(group)])
    if not of.higher:
        turned = {"interquartile_mean": -data["interquartile_mean"], "low": -data["high"], "high": -data["low"]}
        data = data.assign(**turned)
    cells = {"arm": data["arm"].map({group.arm: group.name for group in every}), **_data_sets(data)}
    cells |= {
        "n": data["n"].astype(str).tolist(),
        "interquartile mean": [_number(value, of.number(value)) for value in data["interquartile_mean"]],
        "95 %": _between(data, "low", "high", of.number),
    }
    title = f"{words(comparison.metric)}: robust summaries, stratified bootstrap over seeds, too narrow for few"
    return Table("robust", title, data, pd.DataFrame(cells), ("arm", "data"))


def improvement(comparison: Comparison) -> Table | None:
    """The chance to be better of each arm against the baseline, or without one for all pairs of up to twelve arms.

    A row per pair and data set that both were run on, and one over all of these, each with its 95 % interval. None if
    verdicts are withheld, or there are too many arms.
    """
    every = [] if comparison.withheld else groups(comparison)
    if comparison.baseline:
        base = next((group for group in every if comparison.baseline in group.arms.values()), None)
        pairs = [(group, base) for group in every if base and group is not base]
    else:
        pairs = list(combinations(every, 2)) if len(every) <= MOST_PAIRED_ARMS else []
    data = pd.DataFrame([row for first, second in pairs for row in _chances(first, second)])
    if data.empty:
        return None
    names = {group.arm: group.name for group in every}
    cells = {"arm": data["arm"].map(names), "against": data["against"].map(names), **_data_sets(data)}
    cells |= {"chance to be better": data["better"].map(_percent), "95 %": _between(data, "low", "high", _percent)}
    title = f"{words(comparison.metric)}: chances to be better, stratified bootstrap over seeds, too narrow for few"
    return Table("improvement", title, data, pd.DataFrame(cells), ("arm", "against", "data"))


def _rows(group: Group) -> Iterator[dict[str, object]]:
    for place, over in _places(list(group.strata)):
        strata = [group.strata[each] for each in over]
        middle, (low, high) = stats.pooled_interquartile_mean(strata)
        values = {"interquartile_mean": middle, "low": low, "high": high}
        yield {"arm": group.arm, "data": place, "n": sum(map(len, strata)), **values}


def _chances(first: Group, second: Group) -> Iterator[dict[str, object]]:
    for place, over in _places([place for place in first.strata if place in second.strata]):
        one, other = ([group.strata[each] for each in over] for group in (first, second))
        better, (low, high) = stats.chance_to_be_better(one, other)
        counts = {"n": sum(map(len, one)), "n_against": sum(map(len, other))}
        values = {"better": better, "low": low, "high": high}
        yield {"arm": first.arm, "against": second.arm, "data": place, **counts, **values}


def _places(data_sets: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    """Each data set by itself, then all together if there are several: pairs of a name and the data sets."""
    alone: list[tuple[str, Sequence[str]]] = [(place, [place]) for place in data_sets]
    return [*alone, (EVERY, data_sets)] if len(alone) > 1 else alone


def _data_sets(data: pd.DataFrame) -> dict[str, list[str]]:
    """The column with the names of data sets, if there are several."""
    return {"data": data["data"].tolist()} if data["data"].nunique() > 1 else {}


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(value: float, text: str) -> str:
    return "diverged" if math.isinf(value) else text


def _between(data: pd.DataFrame, low: str, high: str, text: Callable[[float], str]) -> list[str]:
    return [f"{_number(a, text(a))} to {_number(b, text(b))}" for a, b in zip(data[low], data[high], strict=True)]
