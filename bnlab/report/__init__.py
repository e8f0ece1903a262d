"""Comparisons of stored runs: a `Question`, and `make`, which answers it in sentences, tables, charts and a page.

With studies/ this is the only code that puts what was found into sentences. `read` gives the replicates as a table,
`answer` the answer as an object, for Python programs. pandas and scipy are imported when a report is made. Doors:
`export_file`, which writes all replicates to one table, and `charts` and `page`, whose looks studies share.
"""

from bnlab.report.making import Report, answer, curves_of, make, probes_of, read, watch
from bnlab.report.question import Question

__all__ = [
    "Question",
    "Report",
    "answer",
    "charts",
    "curves_of",
    "export_file",
    "make",
    "page",
    "probes_of",
    "read",
    "watch",
]
