"""How the charts look: theme, colours of the arms, what fades, tooltips, sizes."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from bnlab.report import chart_data as data
from bnlab.report.compare import Comparison
from bnlab.report.units import words

WIDTH = 470
HEIGHT = 280
MOST_ARMS = 60
THEME: dict[str, Any] = {
    "font": "DejaVu Sans, Verdana, sans-serif",
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "#e6e6e6",
        "labelLimit": 220,
    },
    "legend": {
        "labelFontSize": 12,
        "orient": "bottom",
        "columns": 3,
        "labelLimit": 400,
        "symbolOpacity": 1,
        "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
    },
    "title": {"fontSize": 14, "anchor": "start", "subtitleFontSize": 12, "subtitleColor": "#555555", "offset": 12},
    "view": {"stroke": "#cccccc"},
}
CURVES = "curves-"
MOST_TICKS = 8


@dataclass(frozen=True)
class Drawing:
    """A chart with its name, which is its file's name too, its title, and which arms it shows if not all."""

    name: str
    title: str
    subtitle: str
    chart: alt.LayerChart

    def specification(self) -> dict[str, Any]:
        """Vega-Lite's JSON, which has a few settings of legends that Altair's schema lacks."""
        return self.chart.to_dict() | {"config": THEME}


def arm_encoding(shown: pd.DataFrame, *, legend: bool = True) -> dict[str, Any]:
    """A colour per scheme, the same one everywhere, and a dash pattern per setting that is not the scheme."""
    schemes = list(dict.fromkeys(shown["scheme"]))
    scale = alt.Scale(domain=schemes, range=[data.color(scheme, schemes) for scheme in schemes])
    symbols = alt.Legend(title=None, symbolLimit=MOST_ARMS) if legend and len(schemes) > 1 else None
    encode: dict[str, Any] = {"color": alt.Color("scheme:N", scale=scale, legend=symbols), "detail": "label:N"}
    settings = list(dict.fromkeys(shown["setting_text"]))
    if len(settings) > 1:
        dashes = [data.DASHES[i % len(data.DASHES)] for i in range(len(settings))]
        own = alt.Legend(title=None, symbolLimit=MOST_ARMS, symbolType="stroke", symbolSize=400) if legend else None
        encode["strokeDash"] = alt.StrokeDash(
            "setting_text:N", scale=alt.Scale(domain=settings, range=dashes), legend=own
        )
    return encode


def only(encode: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: encode[name] for name in names}


def faded(shown: float, hidden: float) -> Any:
    """Arms that are not picked in the legend fade."""
    return alt.condition(
        "!isValid(picked.scheme) || indexof(picked.scheme, datum.scheme) >= 0", alt.value(shown), alt.value(hidden)
    )


def chosen(shown: pd.DataFrame, comparison: Comparison, *, dots: bool = True) -> str:
    """Which arms and dots are shown, if not all are."""
    count = len(comparison.summary)
    crowded = dots and (comparison.summary["n"] > data.MOST_DOTS).any()
    parts = [f"the first {data.MOST_DOTS} replicates of an arm"] if crowded else []
    if len(shown) < count:
        best = f"the best {MOST_ARMS} of" if len(shown) == MOST_ARMS else "the best of each scheme of"
        parts.append(f"{best} {count} arms")
    return ", ".join(parts)


def tooltip(metric: str, *fields: str) -> list[Any]:
    numbers = [
        alt.Tooltip(f"{name}:Q", title=title, format=".4~f")
        for name, title in (("mean", words(metric)), ("low", "95 % from"), ("high", "95 % to"))
    ]
    return ["label:N", *(f"{field}:Q" for field in fields), *numbers]


def rows(shown: pd.DataFrame) -> int:
    """The height of a chart with a row per arm."""
    return max(120, 28 * len(shown))


def layer(*charts: alt.Chart) -> alt.LayerChart:
    """`alt.layer` of charts without facets."""
    return alt.LayerChart(layer=list(charts))


def finish(
    name: str, title: str, chart: alt.LayerChart, legend: bool = True, height: int = HEIGHT, subtitle: str = ""
) -> Drawing:
    picked = alt.selection_point(name="picked", fields=["scheme"], bind="legend")
    text = alt.TitleParams(title, subtitle=subtitle) if subtitle else alt.TitleParams(title)
    finished = chart.add_params(picked) if legend else chart
    return Drawing(name, title, subtitle, finished.properties(title=text, width=WIDTH, height=height))
