"""A comparison as tables, on the terminal and as CSV, Markdown, LaTeX and JSON.

Here belong the tables of a report and their formats. Other packages may also import these modules: `render` prints and
writes, `formats` and `latex` escape, `target` has the time to reach an accuracy, `robust` has interquartile means and
chances to be better, `so_far` the replicates in training, `against` the changes since an earlier report.
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
