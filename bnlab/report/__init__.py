"""Reports, which compare stored runs: `make` answers a `Question` in sentences, tables, charts and an HTML page.

For Python programs `read` gives the replicates as a table and `answer` the answer as an object. Besides studies/, only
this package puts results into sentences. pandas and scipy are imported when a report is made, not before. Other
packages may also import the modules `export_file`, which writes all replicates to one table, and `charts` and `page`,
whose style the pages of studies share.
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
