"""A comparison as charts: one Altair definition each, drawn as PNG, SVG and PDF, and interactive in report.html.

What may enter: a chart of a report, and what marks an arm in all of them.
"""

from bnlab.report.charts.drawn import draw, images, version
from bnlab.report.charts.style import CURVES, Drawing

__all__ = ["CURVES", "Drawing", "draw", "images", "version"]
