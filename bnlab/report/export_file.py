"""All replicates as one table, in a file or on stdout."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from bnlab.errors import UserError
from bnlab.machine import status
from bnlab.report.comparison import frame
from bnlab.report.csv_text import csv_text
from bnlab.report.making import probes_of
from bnlab.store import check_output, replace

SUFFIXES = (".csv", ".parquet")
STDOUT = Path("-")


def export(folders: Sequence[Path], output: Path, console: Console, *, probes: bool = False) -> None:
    """Writes all replicates to one table, a row each, with the columns of `bnlab.report.comparison.frame.read`.

    Args:
        folders: run folders, or folders that hold run folders.
        output: a file, or "-" for CSV on stdout.
        console: for the messages about what was written and what was left out.
        probes: write the rows of probes.csv of all finished replicates instead, each with its run and seed.

    Raises:
        UserError: the file is neither .csv nor .parquet, pyarrow is missing for the latter, there is no run, or no
            replicate was probed.
        StorageError: the file cannot be written.
    """
    if output != STDOUT:
        if output.suffix not in SUFFIXES:
            raise UserError(f"{output} ends in '{output.suffix}'; allowed: {' or '.join(SUFFIXES)}, or - for stdout")
        check_output("FILE", output)
    replicates, warnings = frame.read(folders)
    status.clear()
    for warning in warnings:
        console.print(warning, markup=False, soft_wrap=True)
    table, what = (_probed(replicates), "rows of probes") if probes else (replicates, "replicates")
    if output == STDOUT:
        sys.stdout.write(csv_text(table))
        return
    replace(output, csv_text(table) if output.suffix == ".csv" else _parquet(table))
    console.print(f"{len(table)} {what} written to {output}", markup=False, soft_wrap=True)


def _probed(replicates: pd.DataFrame) -> pd.DataFrame:
    table = probes_of(replicates)
    if table.empty:
        raise UserError("no replicate was probed; train with e.g. probes.names=[activations,gradients]")
    return table


def _parquet(replicates: pd.DataFrame) -> bytes:
    try:
        content: bytes = replicates.to_parquet(index=False)
    except ImportError as error:
        raise UserError("a .parquet file needs pyarrow: pip install 'bnlab[parquet]'; or write .csv") from error
    return content
