"""A comparison as charts: each defined once in Altair, rendered as PNG, SVG and PDF, and interactive in report.html.

Here belong the charts of a report, and the colours and shapes that mark an arm in all of them.
"""

from bnlab.report.charts.drawn import draw, figures, images, rendered, svg
from bnlab.report.charts.identity import BLACK, of_arms
from bnlab.report.charts.style import CURVES, FINAL, HEIGHT, VEGA_LITE, WIDTH, Drawing, layer, legend

__all__ = [
    "BLACK",
    "CURVES",
    "FINAL",
    "HEIGHT",
    "VEGA_LITE",
    "WIDTH",
    "Drawing",
    "draw",
    "figures",
    "images",
    "layer",
    "legend",
    "of_arms",
    "rendered",
    "svg",
]
