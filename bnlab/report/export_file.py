"""All replicates as one table in a file."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bnlab.errors import UserError
from bnlab.report.comparison import frame
from bnlab.report.csv_text import csv_text
from bnlab.store import check_output, replace

SUFFIXES = (".csv", ".parquet")


def export(folders: Sequence[Path], output: Path, console: Console) -> None:
    """Writes a row per replicate, with the columns of `bnlab.report.comparison.frame.read`.

    Raises:
        UserError: the file is neither .csv nor .parquet, pyarrow is missing for the latter, or there is no run.
    """
    if output.suffix not in SUFFIXES:
        raise UserError(f"{output} ends in '{output.suffix}'; allowed: {' or '.join(SUFFIXES)}")
    check_output("FILE", output)
    replicates, warnings = frame.read(folders)
    if output.suffix == ".csv":
        content = csv_text(replicates).encode()
    else:
        try:
            content = replicates.to_parquet(index=False)
        except ImportError as error:
            raise UserError("a .parquet file needs pyarrow: pip install 'bnlab[parquet]'; or write .csv") from error
    replace(output, content)
    for warning in warnings:
        console.print(warning, markup=False, soft_wrap=True)
    console.print(f"{len(replicates)} replicates written to {output}", markup=False, soft_wrap=True)
