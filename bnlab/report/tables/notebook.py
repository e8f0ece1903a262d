"""What a notebook shows of a comparison: the sentences, the summary, and what must be known to read them."""

import html
from collections.abc import Sequence

from bnlab.report.comparison import Comparison
from bnlab.report.tables.contents import summary


def in_html(comparison: Comparison, sentences: Sequence[str], warnings: Sequence[str]) -> str:
    """The sentences as a list, the table below it, then the notes and warnings."""
    table = summary(comparison)
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    remarks = [f"note: {note}" for note in comparison.notes] + [f"warning: {warning}" for warning in warnings]
    below = "".join(f"<p>{html.escape(remark)}</p>" for remark in remarks)
    grid = table.cells.to_html(index=False, border=0)
    return f"<ul>{said}</ul><p><em>{html.escape(table.title)}</em></p>{grid}{below}"
