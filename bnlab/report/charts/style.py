"""The style of the charts: theme, marks of arms, fading, legends, tooltips and sizes.

A chart is 600 pixels wide, and in report.html as wide as the page allows. Sizes that depend on the width read the
Vega parameter `page`, the width in pixels, which report.html sets.
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

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
"""The version of Vega-Lite that Altair writes, in the form that vl-convert needs: "v6.1"."""

WIDTH, COLUMN = 600, 320
"""Pixels of a chart's width, and of one for a column of a paper; a pixel is .75 pt in a PDF."""
HEIGHT = 300
TALLEST = 1200
TITLE_CHARACTERS, SUBTITLE_CHARACTERS = 66, 86
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""The first is a part of vl-convert: pictures are the same on every machine, and drawing reads no font's file, which is
done anew for every letter. The others, which a browser finds instead, have letters of the same width."""
LETTER, SYMBOL = 6.8, 42
"""Pixels of a letter in a legend, and of an entry's symbol with the space around it."""

LABELS = "page * (page < 500 ? 0.5 : 0.4)"
"""The most pixels that the labels of rows take, as an expression of Vega's."""

AXIS = "60"
"""Pixels that an axis with numbers takes."""

THEME: dict[str, Any] = {
    "font": FONT,
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
"""The starts of the names of charts: of learning curves, of final values, and of probes."""


@dataclass(frozen=True)
class Drawing:
    """A chart.

    Attributes:
        name: its name, and its files' name.
        title: its title.
        subtitle: remarks, e.g. on arms that are not shown.
        chart: its definition in Altair.
    """

    name: str
    title: str
    subtitle: str
    chart: alt.LayerChart

    @cached_property
    def specification(self) -> dict[str, Any]:
        """The chart as Vega-Lite's JSON, with the theme."""
        # Not validated here, which would take as long as drawing: the tests validate every chart.
        spec: dict[str, Any] = self.chart.to_dict(validate=False)
        page = {"name": "page", "value": WIDTH}
        return spec | {"config": THEME, "params": [page, *spec.get("params", [])]}

    @property
    def altair(self) -> alt.LayerChart:
        """The chart as an Altair object with the theme, to change, to save, or to show in a notebook."""
        chart = self.chart.copy(deep=False)
        legend_theme = {name: value for name, value in THEME["legend"].items() if name != "layout"}  # Altair lacks it
        chart.config = THEME | {"legend": legend_theme}
        picks = chart.params if isinstance(chart.params, list) else []
        chart.params = [alt.VariableParameter(name="page", value=WIDTH), *picks]
        return chart

    @property
    def untitled(self) -> dict[str, Any]:
        """`specification` without the title, which the page or the paper prints itself."""
        return {name: value for name, value in self.specification.items() if name != "title"}

    @property
    def in_column(self) -> dict[str, Any]:
        """`untitled` in the width of a column of a paper."""
        _, *picks = self.specification["params"]
        return self.untitled | {"width": COLUMN, "params": [{"name": "page", "value": COLUMN}, *picks]}


def arm_encoding(shown: pd.DataFrame, beside: str = AXIS) -> dict[str, Any]:
    """The encodings that mark an arm: colour and shape by scheme, and a dash pattern by its other settings.

    Args:
        shown: the arms, from `arms.arms`.
        beside: the pixels beside the legend, see `legend`.
    """
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
    """A legend with as many columns as fit.

    Args:
        entries: the texts of the legend.
        beside: the pixels that the axis beside the plot takes, as an expression of Vega's.
        more: further arguments of `alt.Legend`.
    """
    each = LETTER * max(map(len, entries)) + SYMBOL
    columns: Any = alt.ExprRef(f"max(1, min({len(entries)}, floor((page - {beside}) / {each:.0f})))")
    limit: Any = alt.ExprRef(f"page - {beside} - 30")
    return alt.Legend(title=None, symbolLimit=len(entries), columns=columns, labelLimit=limit, **more)


def beside_rows(shown: pd.DataFrame) -> str:
    """The pixels that the names of the arms take beside the plot, as an expression of Vega's."""
    return f"min({LETTER * max(map(len, shown['label'])):.0f} + 20, {LABELS} + 20)"


def arm_axis(shown: pd.DataFrame) -> alt.Axis:
    """The axis with the names of the arms; a long name has two lines, the second with its last setting."""
    longest, size = max(map(len, shown["label"])), 12 if len(shown) <= TALLEST / 28 else 10
    cut = "lastindexof(datum.label, ', ')"
    lines = f"[slice(datum.label, 0, {cut} + 1), slice(datum.label, {cut} + 2)]"
    too_long = f"{longest * size * LETTER / 12:.0f} > {LABELS} && {cut} > 0"
    return alt.Axis(labelExpr=f"{too_long} ? {lines} : datum.label", labelFontSize=size, labelLineHeight=size)


def only(encode: dict[str, Any], *names: str) -> dict[str, Any]:
    """The encodings with these names, if there are such."""
    return {name: encode[name] for name in names if name in encode}


def faded(shown: float, hidden: float) -> alt.OpacityValue:
    """The opacity `shown` for arms that are picked in the legends, `hidden` for the others."""
    picked = " && ".join(
        f"(!isValid({name}.{field}) || indexof({name}.{field}, datum.{field}) >= 0)" for name, field in PICKS.items()
    )
    return alt.OpacityValue(hidden, condition={"test": picked, "value": shown})


PICKS = {"picked": "scheme", "pickedSetting": "setting_text"}


def tooltip(metric: str, *fields: str) -> list[alt.Tooltip]:
    """The tooltip of an arm: its label, these fields, and its mean with the interval."""
    numbers = [
        alt.Tooltip(f"{name}:Q", title=title, format=".4~f")
        for name, title in (("mean", words(metric)), ("low", "95 % from"), ("high", "95 % to"))
    ]
    return [*tips("label:N", *(f"{field}:Q" for field in fields)), *numbers]


def tips(*fields: str) -> list[alt.Tooltip]:
    """Tooltips that show these fields under their own names."""
    return [alt.Tooltip(field) for field in fields]


def rows(count: int, each: int) -> int:
    """The height in pixels of a chart with `count` rows of `each` pixels."""
    return min(max(120, each * count), TALLEST)


def layer(*charts: alt.Chart) -> alt.LayerChart:
    """Charts drawn on top of each other: `alt.layer` for charts without facets."""
    return alt.LayerChart(layer=list(charts))


def finish(name: str, title: str, chart: alt.LayerChart, *said: str, height: int = HEIGHT) -> Drawing:
    """The finished chart, with size, title and subtitle, in whose legends arms can be picked.

    Args:
        name: the chart's name.
        title: its title.
        chart: its layers. Vega-Lite binds legends to the first layer, so this must have the arms' colours.
        said: remarks for the subtitle; empty ones are left out.
        height: in pixels.
    """
    subtitle = "; ".join(filter(None, said))
    text = alt.TitleParams(textwrap.wrap(title, TITLE_CHARACTERS))
    if subtitle:
        text.subtitle = textwrap.wrap(subtitle, SUBTITLE_CHARACTERS)
    picks = [alt.selection_point(name=pick, fields=[field], bind="legend") for pick, field in PICKS.items()]
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    finished = chart.add_params(*picks).properties(title=text, width=WIDTH, height=height, autosize=fit)
    return Drawing(name, title, subtitle, finished)
