"""Tables as CSV files, in which no text is a formula to a spreadsheet."""

import pandas as pd

from bnlab.store import no_formula


def csv_text(table: pd.DataFrame) -> str:
    """The text of the file."""
    texts = table.select_dtypes(exclude=["number", "bool"])
    return table.assign(**{str(name): texts[name].map(no_formula) for name in texts}).to_csv(
        index=False, lineterminator="\n"
    )
