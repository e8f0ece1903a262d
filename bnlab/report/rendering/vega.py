"""What vl-convert makes of charts that are given as Vega-Lite's JSON. Altair is not imported, which takes a while."""

from dataclasses import dataclass
from typing import Any

import vl_convert

from bnlab.report.rendering import png


@dataclass(frozen=True)
class Pictures:
    """A chart as SVG, PNG (twice the resolution) and PDF, and as PDF in the width of a column of a paper."""

    svg: str
    png: bytes
    pdf: bytes
    column_pdf: bytes


def pictures(chart: dict[str, Any], in_column: dict[str, Any], version: str) -> Pictures:
    """The pictures of a chart.

    Args:
        chart: the chart.
        in_column: the chart in the width of a column.
        version: of Vega-Lite, "v6.1".
    """
    drawn = svg(chart, version)
    column: bytes = vl_convert.vegalite_to_pdf(in_column, vl_version=version)
    return Pictures(drawn, png.packed(vl_convert.svg_to_png(drawn, scale=2)), vl_convert.svg_to_pdf(drawn), column)


def svg(chart: dict[str, Any], version: str) -> str:
    """The chart as SVG, a picture that needs no script. For the arguments see `pictures`."""
    drawn: str = vl_convert.vegalite_to_svg(chart, vl_version=version)
    return drawn


def bundle(version: str) -> str:
    """The JavaScript that draws charts in a page, where it defines `vegaEmbed`; building it takes over a second."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return script
