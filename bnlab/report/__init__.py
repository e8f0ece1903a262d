"""Comparisons of stored runs: a `Question`, and `make`, which answers it in sentences, tables, charts and a page.

With studies/ this is the only code that puts what was found into sentences. pandas and scipy are imported when a report
is made. Doors: `export_file`, which writes all replicates to one table, and `charts`, whose look studies share.
"""

from bnlab.report.making import Report, make, watch
from bnlab.report.question import Question

__all__ = ["Question", "Report", "charts", "export_file", "make", "watch"]
