"""A comparison as tables, on the terminal and as CSV, Markdown, LaTeX and JSON.

What may enter: a table of a report, or a format of all tables. Doors: `render` shows and writes, `formats` and `latex`
escape, `target` times the way to an accuracy, `robust` has what few seeds cannot spoil, `so_far` shows what is in
training, `against` what changed since another report.
"""

from bnlab.report.tables import against, formats, latex, render, robust, so_far, target
from bnlab.report.tables.contents import Table, comparisons, cost, curve_means, epochs, p_text, pivot, present, summary
from bnlab.report.tables.fitting import folded, told_once
from bnlab.report.tables.notebook import in_html

__all__ = [
    "Table",
    "against",
    "comparisons",
    "cost",
    "curve_means",
    "epochs",
    "folded",
    "formats",
    "in_html",
    "latex",
    "p_text",
    "pivot",
    "present",
    "render",
    "robust",
    "so_far",
    "summary",
    "target",
    "told_once",
]
