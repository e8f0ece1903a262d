"""Tables as CSV, in a form in which a spreadsheet runs no text as a formula."""

import pandas as pd

from bnlab.store import no_formula


def csv_text(table: pd.DataFrame) -> str:
    """The content of a CSV file with the table, without its index."""
    texts = table.select_dtypes(exclude=["number", "bool"])
    return table.assign(**{str(name): texts[name].map(no_formula) for name in texts}).to_csv(
        index=False, lineterminator="\n"
    )
