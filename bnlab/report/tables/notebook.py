"""A comparison in a notebook, as HTML: the sentences, the summary, notes and warnings."""

import html
from collections.abc import Sequence

from bnlab.report.comparison import Comparison
from bnlab.report.tables.contents import summary


def in_html(comparison: Comparison, sentences: Sequence[str], warnings: Sequence[str]) -> str:
    """HTML: the sentences as a list, below it the summary, then the notes and warnings."""
    table = summary(comparison)
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    remarks = [f"note: {note}" for note in comparison.notes] + [f"warning: {warning}" for warning in warnings]
    below = "".join(f"<p>{html.escape(remark)}</p>" for remark in remarks)
    grid = table.cells.to_html(index=False, border=0)
    return f"<ul>{said}</ul><p><em>{html.escape(table.title)}</em></p>{grid}{below}"
