"""The arms of the charts: their names in words, what marks them, and which of many are shown."""

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
"""What every object of JavaScript has."""
MARKS = ["label", "scheme", "setting_text", "color", "shape"]


def arms(comparison: Comparison) -> pd.DataFrame:
    """A row per arm, best first.

    Columns: arm, label, scheme, setting_text (the other settings in words), color, shape, status ("diverged" or "no
    result" of an arm without a value), n, mean, low, high in the axis' unit, and the keys of the arms.
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
    """A row like those of `arms` for each arm that is one on every data set, where several were run.

    What was run on some of them only has the status that says so.
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
    """The text, with a space behind it that does not break where it is a property of every object of JavaScript.

    Vega looks texts up in objects: a chart with an arm called "constructor" could not be drawn.
    """
    return f"{text}\u00a0" if text in PROPERTIES else text


def _without_properties(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: table[name].map(no_property) for name in ("label", "scheme", "setting_text")})


def limits(metric: str) -> tuple[float, float]:
    """Between which the metric lies: a band beyond them would be of values that cannot be."""
    return (0.0, 100.0) if metric.endswith("accuracy") else (0.0, float("inf"))


def marked(table: pd.DataFrame, *, by_scheme: bool) -> pd.DataFrame:
    """The table with the colour and shape of each row's scheme."""
    names = table["scheme"].tolist()
    of = identity.of_schemes(names) if by_scheme else identity.of_arms(names)
    return table.assign(color=[of[name].color for name in names], shape=[of[name].shape for name in names])


def lines(shown: pd.DataFrame) -> pd.DataFrame:
    """The arms that get a line: all, or of more than sixteen the best one of each scheme."""
    kept = shown if len(shown) <= MOST_LINES else shown.drop_duplicates("scheme").head(MOST_LINES)
    alike = (kept["color"] == identity.ALIKE.color).any()
    return marked(kept, by_scheme=False) if alike else kept


def chosen(shown: pd.DataFrame, every: pd.DataFrame, what: str = "arms") -> str:
    """Which arms are shown, if not all are."""
    if len(shown) == len(every):
        return ""
    if len(shown) == every["scheme"].nunique() and every["scheme"].duplicated().any():
        return f"the best of each scheme, {len(shown)} of {len(every)} {what}"
    return f"the best {len(shown)} of {len(every)} {what}"


def without(shown: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """The arms that have no point, with the reason as their status."""
    missing = shown[~shown["label"].isin(points["label"])]
    return missing.assign(status=missing["status"].replace("", "no curve"))


def absent(missing: pd.DataFrame) -> str:
    """The arms that are not drawn, in words: "not drawn: none, learning rate 1 (diverged)"."""
    names = [f"{label} ({status})" for label, status in missing[["label", "status"]].to_numpy().tolist()]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"not drawn: {'; '.join(names[:NAMED])}{more}" if names else ""


def _diverged(n: int, diverged: int) -> str:
    return f" ({diverged} of {n + diverged} diverged)" if n and diverged else ""
