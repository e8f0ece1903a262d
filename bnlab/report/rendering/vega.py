"""What vl-convert makes of charts, given as Vega-Lite's JSON. Altair is not imported, which takes a while.

The argument `version` is Vega-Lite's, "v6.1".
"""

from typing import Any

import vl_convert

from bnlab.report.rendering import png


def svg(chart: dict[str, Any], version: str) -> str:
    """The chart as SVG, a picture that needs no script."""
    drawn: str = vl_convert.vegalite_to_svg(chart, vl_version=version)
    return drawn


def pdf(chart: dict[str, Any], version: str) -> bytes:
    """The chart as PDF."""
    drawn: bytes = vl_convert.vegalite_to_pdf(chart, vl_version=version)
    return drawn


def png_of(svg: str) -> bytes:
    """The same picture as PNG, in twice the resolution."""
    return png.packed(vl_convert.svg_to_png(svg, scale=2))


def pdf_of(svg: str) -> bytes:
    """The same picture as PDF."""
    drawn: bytes = vl_convert.svg_to_pdf(svg)
    return drawn


def bundle(version: str) -> str:
    """The JavaScript that draws charts in a page, where it defines `vegaEmbed`; building it takes over a second."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return script
