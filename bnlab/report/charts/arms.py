"""The arms of the charts: their names in words, colours and shapes, and which are shown if there are many."""

import pandas as pd

from bnlab.config import setting_words
from bnlab.report.charts import identity
from bnlab.report.comparison import ABSENT, Comparison, setting_texts, short_names, telling_keys, unit
from bnlab.report.tables import robust

MOST_ROWS = 60
MOST_LINES = 16
NAMED = 3
PROPERTIES = {
    *(
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    ),
    *(f"__{name}__" for name in ("proto", "defineGetter", "defineSetter", "lookupGetter", "lookupSetter")),
}
"""The properties of every JavaScript object."""
MARKS = ["label", "scheme", "setting_text", "color", "shape"]


def arms(comparison: Comparison) -> pd.DataFrame:
    """A row per arm, best first.

    Columns: arm, label, scheme, setting_text (the other settings in words), color, shape, status ("" or, for an arm
    without a value, "diverged" or "no result"), n, then mean, low and high in the axis' unit, and the columns that
    define the arms.
    """
    table = comparison.summary.copy()
    keys = telling_keys(comparison)
    others = setting_texts(table, [key for key in keys if key != setting_words.SCHEME])
    table["label"] = table["arm"].map(short_names(comparison))
    table["scheme"] = table[setting_words.SCHEME].fillna(ABSENT) if setting_words.SCHEME in keys else table["label"]
    table["setting_text"] = others if setting_words.SCHEME in keys else ""
    table["label"] += [_diverged(*row) for row in table[["n", "diverged"]].to_numpy().tolist()]
    table = _without_properties(table)
    diverged = table["diverged"].map(lambda count: "diverged" if count else "no result")
    table["status"] = diverged.where(table["mean"].isna(), "")
    low, high = limits(comparison.metric)
    for column in ("mean", "low", "high"):
        table[column] = (table[column] * unit(comparison.metric).scale).clip(low, high)
    table = marked(table, by_scheme=setting_words.SCHEME in keys)
    return table[["arm", *MARKS, "status", "n", "mean", "low", "high", *keys]]


def over_data(every: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """A table like that of `arms` with one row for the arms that differ in the data set only; empty for one data set.

    An arm that was not run on every data set has a status that says so.

    Args:
        every: from `arms`.
        comparison: from `compare`.
    """
    groups = robust.groups(comparison)
    data_sets = {place for group in groups for place in group.strata}
    rows = every.set_index("arm").loc[[next(iter(group.arms.values())) for group in groups]]
    names = [group.name for group in groups]
    rows = rows.assign(
        arm=[group.arm for group in groups],
        label=names,
        status=["" if len(group.strata) == len(data_sets) else "not on every data set" for group in groups],
    )
    keys = telling_keys(comparison)
    by_scheme = setting_words.SCHEME in keys
    others = setting_texts(rows, [key for key in keys if key not in (setting_words.SCHEME, robust.DATA)])
    rows["scheme"] = rows["scheme"] if by_scheme else names
    rows["setting_text"] = others if by_scheme else ""
    rows = _without_properties(rows)
    return marked(rows.reset_index(drop=True), by_scheme=by_scheme) if len(data_sets) > 1 else rows.iloc[:0]


def no_property(text: str) -> str:
    """The text, followed by a no-break space if it is the name of a property of every JavaScript object.

    Vega looks texts up in objects, so it could not draw a chart with an arm called "constructor".
    """
    return f"{text}\u00a0" if text in PROPERTIES else text


def _without_properties(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: table[name].map(no_property) for name in ("label", "scheme", "setting_text")})


def limits(metric: str) -> tuple[float, float]:
    """The lowest and highest possible value of a metric, in the axis' unit; bands are cut there."""
    return (0.0, 100.0) if metric.endswith("accuracy") else (0.0, float("inf"))


def marked(table: pd.DataFrame, *, by_scheme: bool) -> pd.DataFrame:
    """The table with the columns color and shape: fixed for each scheme, or, without `by_scheme`, given in turn."""
    names = table["scheme"].tolist()
    of = identity.of_schemes(names) if by_scheme else identity.of_arms(names)
    return table.assign(color=[of[name].color for name in names], shape=[of[name].shape for name in names])


def lines(shown: pd.DataFrame) -> pd.DataFrame:
    """The arms that get a line: all, or, if there are more than `MOST_LINES`, the best one of each scheme."""
    kept = shown if len(shown) <= MOST_LINES else shown.drop_duplicates("scheme").head(MOST_LINES)
    alike = (kept["color"] == identity.ALIKE.color).any()
    return marked(kept, by_scheme=False) if alike else kept


def chosen(shown: pd.DataFrame, every: pd.DataFrame, what: str = "arms") -> str:
    """A remark on which arms are shown; empty if all are."""
    if len(shown) == len(every):
        return ""
    if len(shown) == every["scheme"].nunique() and every["scheme"].duplicated().any():
        return f"the best of each scheme, {len(shown)} of {len(every)} {what}"
    return f"the best {len(shown)} of {len(every)} {what}"


def without(shown: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """The shown arms that have no point, with the reason as their status."""
    missing = shown[~shown["label"].isin(points["label"])]
    return missing.assign(status=missing["status"].replace("", "no curve"))


def absent(missing: pd.DataFrame) -> str:
    """The arms that are not drawn, in words: "not drawn: none, learning rate 1 (diverged)"."""
    names = [f"{label} ({status})" for label, status in missing[["label", "status"]].to_numpy().tolist()]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"not drawn: {'; '.join(names[:NAMED])}{more}" if names else ""


def _diverged(n: int, diverged: int) -> str:
    return f" ({diverged} of {n + diverged} diverged)" if n and diverged else ""
