"""The heat map of two settings."""

import altair as alt

from bnlab.config import setting_words
from bnlab.report.charts import data
from bnlab.report.charts.style import Drawing, finish, layer, rows, tips
from bnlab.report.comparison import Comparison, words

ROOM = 150
"""Pixels of the chart's width that are not cells."""

WIDEST = 928
"""Pixels of the widest chart in report.html."""


def heat_map(comparison: Comparison, down: str, across: str) -> Drawing | None:
    """The mean for each combination of two settings; grey if all replicates diverged. None if no arm has a mean.

    Args:
        comparison: from `compare`, with arms that are defined by these two settings.
        down: the setting of the rows.
        across: the setting of the columns.
    """
    cells = data.heat_cells(comparison, down, across)
    valued = cells.dropna(subset=["mean"])
    if valued.empty:
        return None
    order = {key: data.in_order(cells[key]) for key in ("down", "across")}
    width = f"(page - {ROOM}) / {len(order['across'])}"
    longest = 7 * max(map(len, order["across"]))
    slant = alt.ExprRef(f"{width} < {longest} ? -60 : 0")
    align = alt.ExprRef(f"{width} < {longest} ? 'right' : 'center'")
    labels = alt.Axis(labelAngle=slant, labelAlign=align, labelOverlap="greedy", labelSeparation=2)
    x = alt.X("across:N", title=setting_words.title(across), sort=order["across"], axis=labels)
    y = alt.Y("down:N", title=setting_words.title(down), sort=order["down"])
    metric = words(comparison.metric)
    tip = [*tips("down:N", "across:N", "n:Q", "diverged:Q"), alt.Tooltip("mean:Q", title=metric, format=".4~f")]
    # The colours of cividis can be told apart with every kind of colour vision.
    color = alt.Color(
        "mean:Q", title=metric, scale=alt.Scale(scheme="cividis"), legend=alt.Legend(direction="horizontal")
    )
    squares = alt.Chart(valued).mark_rect().encode(x=x, y=y, color=color, tooltip=tip)
    empty = alt.Chart(cells[cells["mean"].isna()]).mark_rect(color="#d0d0d0").encode(x=x, y=y, tooltip=tip)
    middle = (valued["mean"].min() + valued["mean"].max()) / 2
    needed = 7 * cells["text"].str.len().max()
    dark = {"test": f"!isValid(datum.mean) || datum.mean > {middle}", "value": "black"}
    text = (
        alt.Chart(cells)
        .mark_text(fontSize=11, opacity=alt.ExprRef(f"{width} >= {needed} ? 1 : 0"))
        .encode(x=x, y=y, text=alt.Text("text:N"), color=alt.ColorValue("white", condition=dark))
    )
    # Thousands of texts that fit at no width would take most of the time of a report.
    texts = [text] if needed * len(order["across"]) <= WIDEST - ROOM else []
    grey = "grey: all replicates diverged" if (cells["text"] == "diverged").any() else ""
    height = rows(len(order["down"]), 34)
    return finish(f"heat-{down}-{across}", f"{metric}: means", layer(squares, empty, *texts), grey, height=height)
