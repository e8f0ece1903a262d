"""How the charts look: theme, what marks an arm, what fades, legends and tooltips, sizes.

A chart is 600 pixels wide, and in report.html as wide as the page lets it be. What depends on the width reads the
parameter `page`, which the page sets.
"""

import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
import pandas as pd

from bnlab.report.charts import identity
from bnlab.report.charts.arms import MOST_LINES
from bnlab.report.comparison import words

WIDTH, COLUMN = 600, 320
"""Pixels, of .75 pt each in a PDF."""
HEIGHT = 300
TALLEST = 1200
TITLE_CHARACTERS, SUBTITLE_CHARACTERS = 66, 86
LETTER, SYMBOL = 7.6, 42
"""Pixels of a legend's letter, and of what an entry has besides."""

LABELS = "page * (page < 500 ? 0.5 : 0.4)"
"""The most room that the labels of rows take."""

AXIS = "60"
"""Pixels of an axis with numbers."""

THEME: dict[str, Any] = {
    "font": "DejaVu Sans, Verdana, sans-serif",
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleLimit": {"expr": "page - 80"},
        "gridColor": "#e6e6e6",
        "labelLimit": {"expr": LABELS},
        "labelFlush": False,
        "labelOverlap": True,
    },
    "axisXQuantitative": {"tickCount": {"expr": "ceil(page / 75)"}},
    "legend": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "orient": "bottom",
        "labelLimit": {"expr": "page - 70"},
        "symbolOpacity": 1,
        "gradientLength": {"expr": "page * 0.35"},
        "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
    },
    "title": {
        "fontSize": 14,
        "anchor": "start",
        "frame": "bounds",
        "subtitleFontSize": 12,
        "subtitleColor": "#555555",
        "offset": 12,
    },
    "view": {"stroke": "#cccccc"},
}
CURVES, FINAL, PROBES = "curves-", "final-", "probe-"
"""How the names of the learning curves, of the chart of final values and of the probes' begin."""


@dataclass(frozen=True)
class Drawing:
    """A chart with its name, which is its file's name too, its title, and what it does not show."""

    name: str
    title: str
    subtitle: str
    chart: alt.LayerChart

    @cached_property
    def specification(self) -> dict[str, Any]:
        """Vega-Lite's JSON, with settings of legends that Altair's schema lacks."""
        # The tests validate every chart; to do so here would take as long as to draw it.
        spec: dict[str, Any] = self.chart.to_dict(validate=False)
        page = {"name": "page", "value": WIDTH}
        return spec | {"config": THEME, "params": [page, *spec.get("params", [])]}

    @property
    def altair(self) -> alt.LayerChart:
        """The same as a chart of Altair's, to be changed, saved, or shown by a notebook."""
        chart = self.chart.copy(deep=False)
        legend_theme = {name: value for name, value in THEME["legend"].items() if name != "layout"}  # Altair lacks it
        chart.config = THEME | {"legend": legend_theme}
        picks = chart.params if isinstance(chart.params, list) else []
        chart.params = [alt.VariableParameter(name="page", value=WIDTH), *picks]
        return chart

    @property
    def untitled(self) -> dict[str, Any]:
        """The chart without its title, which is the page's or the paper's."""
        return {name: value for name, value in self.specification.items() if name != "title"}

    @property
    def in_column(self) -> dict[str, Any]:
        """The chart for a column of a paper, whose caption is its title."""
        _, *picks = self.specification["params"]
        return self.untitled | {"width": COLUMN, "params": [{"name": "page", "value": COLUMN}, *picks]}


def arm_encoding(shown: pd.DataFrame, beside: str = AXIS) -> dict[str, Any]:
    """A scheme's colour and shape, the same ones everywhere, and a dash pattern per setting that is not the scheme."""
    schemes = shown.drop_duplicates("scheme")
    domain, colors, shapes = (schemes[name].tolist() for name in ("scheme", "color", "shape"))
    own = legend(domain, beside) if 1 < len(domain) <= MOST_LINES else None
    encode = {
        "color": alt.Color("scheme:N", scale=alt.Scale(domain=domain, range=colors), legend=own),
        "shape": alt.Shape("scheme:N", scale=alt.Scale(domain=domain, range=shapes), legend=own),
        "detail": alt.Detail("label:N"),
    }
    settings = list(dict.fromkeys(shown["setting_text"]))
    if len(settings) > 1:
        dashes = [identity.DASHES[i % len(identity.DASHES)] for i in range(len(settings))]
        scale = alt.Scale(domain=settings, range=dashes)
        strokes = legend(settings, beside, symbolType="stroke", symbolSize=400)
        encode["strokeDash"] = alt.StrokeDash("setting_text:N", scale=scale, legend=strokes)
    return encode


def legend(entries: list[str], beside: str, **more: Any) -> alt.Legend:
    """As many columns as the page has room for, beside an axis that takes so many pixels."""
    each = LETTER * max(map(len, entries)) + SYMBOL
    columns: Any = alt.ExprRef(f"max(1, min({len(entries)}, floor((page - {beside}) / {each:.0f})))")
    limit: Any = alt.ExprRef(f"page - {beside} - 30")
    return alt.Legend(title=None, symbolLimit=len(entries), columns=columns, labelLimit=limit, **more)


def beside_rows(shown: pd.DataFrame) -> str:
    """The pixels that the names of the arms take."""
    return f"min({LETTER * max(map(len, shown['label'])):.0f} + 20, {LABELS} + 20)"


def arm_axis(shown: pd.DataFrame) -> alt.Axis:
    """The names of the arms: a long one in two lines, the second with its last setting."""
    longest, size = max(map(len, shown["label"])), 12 if len(shown) <= TALLEST / 28 else 10
    cut = "lastindexof(datum.label, ', ')"
    lines = f"[slice(datum.label, 0, {cut} + 1), slice(datum.label, {cut} + 2)]"
    too_long = f"{longest * size * 0.56:.0f} > {LABELS} && {cut} > 0"
    return alt.Axis(labelExpr=f"{too_long} ? {lines} : datum.label", labelFontSize=size, labelLineHeight=size)


def only(encode: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: encode[name] for name in names if name in encode}


def faded(shown: float, hidden: float) -> alt.OpacityValue:
    """Arms that are not picked in the legends fade."""
    picked = " && ".join(
        f"(!isValid({name}.{field}) || indexof({name}.{field}, datum.{field}) >= 0)" for name, field in PICKS.items()
    )
    return alt.OpacityValue(hidden, condition={"test": picked, "value": shown})


PICKS = {"picked": "scheme", "pickedSetting": "setting_text"}


def tooltip(metric: str, *fields: str) -> list[alt.Tooltip]:
    numbers = [
        alt.Tooltip(f"{name}:Q", title=title, format=".4~f")
        for name, title in (("mean", words(metric)), ("low", "95 % from"), ("high", "95 % to"))
    ]
    return [*tips("label:N", *(f"{field}:Q" for field in fields)), *numbers]


def tips(*fields: str) -> list[alt.Tooltip]:
    """Tooltips under the names of their fields."""
    return [alt.Tooltip(field) for field in fields]


def rows(count: int, each: int) -> int:
    """The height of a chart with so many rows."""
    return min(max(120, each * count), TALLEST)


def layer(*charts: alt.Chart) -> alt.LayerChart:
    """`alt.layer` of charts without facets."""
    return alt.LayerChart(layer=list(charts))


def finish(name: str, title: str, chart: alt.LayerChart, *said: str, height: int = HEIGHT) -> Drawing:
    """The chart with its size, its title, below it what is said of it, and arms that can be picked in its legends.

    Vega-Lite binds a legend to the first layer, which so has to be one with the arms' colours.
    """
    subtitle = "; ".join(filter(None, said))
    text = alt.TitleParams(textwrap.wrap(title, TITLE_CHARACTERS))
    if subtitle:
        text.subtitle = textwrap.wrap(subtitle, SUBTITLE_CHARACTERS)
    picks = [alt.selection_point(name=pick, fields=[field], bind="legend") for pick, field in PICKS.items()]
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    finished = chart.add_params(*picks).properties(title=text, width=WIDTH, height=height, autosize=fit)
    return Drawing(name, title, subtitle, finished)
