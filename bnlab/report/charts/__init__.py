"""A comparison as charts: one Altair definition each, drawn as PNG, SVG and PDF, and interactive in report.html.

What may enter: a chart of a report, and what marks an arm in all of them.
"""

from bnlab.report.charts.drawn import draw, figures, images, version
from bnlab.report.charts.style import CURVES, FINAL, Drawing

__all__ = ["CURVES", "FINAL", "Drawing", "draw", "figures", "images", "version"]
