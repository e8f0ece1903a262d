"""Interquartile means and chances to be better, per data set and over data sets, as rliable draws them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from bnlab import stats
from bnlab.report.comparison import ABSENT, Comparison, names_of, unit, words
from bnlab.report.tables.contents import Table

DATA, EVERY = "data.name", "all"
"""The key that tells data sets apart, and what stands for them together."""
FEWEST = 2


@dataclass(frozen=True)
class Group:
    """What is one arm on every data set.

    Attributes:
        arm: "norm.name=batch".
        name: for people.
        strata: of each data set the metric by seed, in the order of better means; higher is better in all.
        arms: of each data set the comparison's own arm.
    """

    arm: str
    name: str
    strata: dict[str, list[float]]
    arms: dict[str, str]


def groups(comparison: Comparison) -> list[Group]:
    """The arms of two seeds or more, together over data sets where several were run; losses with the sign turned."""
    summary, sign = comparison.summary, 1.0 if unit(comparison.metric).higher else -1.0
    keys = [key for key in comparison.by if key != DATA]
    cells = {key: summary[key].fillna(ABSENT).tolist() for key in keys}
    labels = [", ".join(f"{key}={cells[key][row]}" for key in keys) or EVERY for row in range(len(summary))]
    own = summary.assign(arm=labels)
    names = names_of(own.drop_duplicates("arm"), keys)
    data = summary[DATA] if DATA in comparison.by else [EVERY] * len(summary)
    found: dict[str, Group] = {}
    for label, place, arm in zip(labels, data, summary["arm"], strict=True):
        values = (sign * comparison.values[arm]).tolist()
        if len(values) >= FEWEST:
            group = found.setdefault(label, Group(label, names[label], {}, {}))
            group.strata[place], group.arms[place] = values, arm
    return list(found.values())


def table(comparison: Comparison) -> Table | None:
    """A row per arm and data set, and one over all that it was run on; None if no arm has two seeds."""
    every = groups(comparison)
    if not every:
        return None
    base = next((group for group in every if comparison.baseline in group.arms.values()), None)
    base = None if comparison.withheld else base
    rows = [row for group in every for row in _rows(group, base)]
    data, of = pd.DataFrame(rows), unit(comparison.metric)
    if not of.higher:
        turned = {"interquartile_mean": -data["interquartile_mean"], "low": -data["high"], "high": -data["low"]}
        data = data.assign(**turned)
    names = {group.arm: group.name for group in every}
    cells = {"arm": data["arm"].map(names).tolist()}
    if data["data"].nunique() > 1:
        cells["data"] = data["data"].tolist()
    cells |= {
        "n": data["n"].astype(str).tolist(),
        "interquartile mean": [_number(value, of.number(value)) for value in data["interquartile_mean"]],
        "95 %": _between(data, "low", "high", of.number),
    }
    if base:
        cells[f"better than {base.name}"] = data["better"].map(_percent).tolist()
        cells["95 % of it"] = _between(data, "better_low", "better_high", _percent)
    title = f"{words(comparison.metric)}: robust summaries, stratified bootstrap over seeds, too narrow for few"
    spare = ("95 % of it", f"better than {base.name}") if base else ()
    return Table("robust", title, data, pd.DataFrame(cells), ("arm", "data"), spare)


def _rows(group: Group, base: Group | None) -> list[dict[str, object]]:
    places = [(place, [place]) for place in group.strata]
    if len(places) > 1:
        places.append((EVERY, list(group.strata)))
    return [{"arm": group.arm, "data": place, **_summary(group, base, over)} for place, over in places]


def _summary(group: Group, base: Group | None, places: Sequence[str]) -> dict[str, object]:
    strata = [group.strata[place] for place in places]
    middle, (low, high) = stats.pooled_interquartile_mean(strata)
    better, ends = math.nan, (math.nan, math.nan)
    if base and base is not group and all(place in base.strata for place in places):
        better, ends = stats.chance_to_be_better(strata, [base.strata[place] for place in places])
    values = {"interquartile_mean": middle, "low": low, "high": high}
    chance = {"better": better, "better_low": ends[0], "better_high": ends[1]}
    return {"n": sum(map(len, strata)), **values, **chance}


def _percent(share: float) -> str:
    return ABSENT if math.isnan(share) else f"{100 * share:.0f} %"


def _number(value: float, text: str) -> str:
    return "diverged" if math.isinf(value) else text


def _between(data: pd.DataFrame, low: str, high: str, text: Callable[[float], str]) -> list[str]:
    return [
        ABSENT if math.isnan(a) else f"{_number(a, text(a))} to {_number(b, text(b))}"
        for a, b in zip(data[low], data[high], strict=True)
    ]
