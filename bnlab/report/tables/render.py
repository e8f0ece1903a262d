"""A comparison on the terminal, and as files."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from bnlab.errors import UserError
from bnlab.report.comparison import Comparison, contrasts, environments, metric_columns, one_line
from bnlab.report.tables import contents, formats
from bnlab.report.tables.contents import Table
from bnlab.store import replace

CHARTS = "charts"
MOST_VERDICTS = 12
MOST_ROWS = 100
"""On the terminal; the files hold all."""


def show(
    comparison: Comparison, verdicts: Sequence[str], warnings: Sequence[str], files: Sequence[Path], console: Console
) -> None:
    """Print the verdicts, the table, the notes, the warnings and the names of the files."""
    for verdict in verdicts[:MOST_VERDICTS]:
        console.print(Text(one_line(f"* {verdict}")), soft_wrap=True)
    if len(verdicts) > MOST_VERDICTS:
        console.print(Text(f"* and {len(verdicts) - MOST_VERDICTS} more: -o FOLDER writes all"), soft_wrap=True)
    show_table(contents.summary(comparison), console)
    for note in comparison.notes:
        console.print(Text(one_line(f"note: {note}")), soft_wrap=True)
    for warning in warnings:
        console.print(Text(one_line(f"warning: {warning}"), style="yellow"), soft_wrap=True)
    charts = [file for file in files if file.parent.name == CHARTS]
    for file in files:
        if file not in charts:
            console.print(Text(f"wrote {file}"), soft_wrap=True)
    if charts:
        console.print(Text(f"wrote {len(charts)} charts to {charts[0].parent}"), soft_wrap=True)


def show_table(table: Table, console: Console) -> None:
    """Print a table, in full width."""
    grid = Grid(title=Text(table.title), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for name in table.cells.columns:
        # Text, not str: a label is shown as it is, whatever rich would take for markup in it.
        grid.add_column(Text(one_line(name)), justify="left" if name in table.labels else "right", no_wrap=True)
    rows = table.cells.to_numpy().tolist()
    for row in rows[:MOST_ROWS]:
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    # Never squeezed: digits cut off to fit a narrow terminal or a pipe would be other numbers.
    grid.width = console.measure(grid, options=console.options.update(max_width=sys.maxsize)).maximum
    console.print(grid, soft_wrap=True)
    if len(rows) > MOST_ROWS:
        console.print(Text(f"and {len(rows) - MOST_ROWS} more rows: -o FOLDER writes all"), soft_wrap=True)


def texts(
    comparison: Comparison, written: Sequence[Table], verdicts: Sequence[str], warnings: Sequence[str]
) -> dict[str, str]:
    """The files of numbers and text by name; the CSV files hold the metric's own unit, unrounded."""
    every = {f"{table.name}.csv": table.data for table in written}
    csv = {"results.csv": results(comparison)} | every
    return {name: data.to_csv(index=False, lineterminator="\n") for name, data in csv.items()} | {
        "summary.md": markdown(comparison, written, verdicts, warnings),
        "summary.tex": "\n".join(formats.latex(table) for table in written),
        "summary.json": formats.as_json(
            written,
            metric=comparison.metric,
            by=comparison.by,
            baseline=comparison.baseline,
            verdicts=list(verdicts),
            notes=comparison.notes,
            warnings=list(warnings),
        ),
        "verdicts.json": formats.json_lines(
            metric=comparison.metric,
            baseline=comparison.baseline,
            planned=comparison.planned,
            withheld=comparison.withheld,
            tests=comparison.tests,
            level=contrasts.LEVEL / comparison.tests,
            lead=comparison.lead and {"arm": comparison.lead.first, "p_corrected": comparison.lead.p},
            sentences=list(verdicts),
            pairs=contrasts.as_data(comparison.pairs),
            left_out=comparison.left_out,
        ),
    }


def write(files: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """Write files into a folder, each in one piece.

    Raises:
        UserError: the folder cannot be made or written.
    """
    try:
        for name, content in files.items():
            replace(folder / name, content)
    except OSError as error:
        raise UserError(f"cannot write the report to '{folder}': {error.strerror}; choose another folder") from error
    return [folder / name for name in files]


def results(comparison: Comparison) -> pd.DataFrame:
    """Long form: one row per replicate and metric."""
    own = list(dict.fromkeys(["arm", *comparison.by, "run", "seed", "state"]))
    metrics = metric_columns(comparison.replicates)
    return comparison.replicates.melt(id_vars=own, value_vars=metrics, var_name="metric", value_name="value")


def markdown(comparison: Comparison, written: Sequence[Table], verdicts: Sequence[str], warnings: Sequence[str]) -> str:
    """The verdicts, the tables, the notes and warnings, and where it was run."""
    escape = formats.markdown_text
    first, *others = written
    lines = [f"- note: {escape(note)}" for note in comparison.notes]
    lines += [f"- warning: {escape(warning)}" for warning in warnings]
    parts = [
        f"# {escape(first.title)}",
        "\n".join(f"- {escape(verdict)}" for verdict in verdicts),
        formats.markdown(first),
        "\n".join(lines),
        *(f"## {escape(table.title)}\n\n{formats.markdown(table)}" for table in others),
        escape(f"Run with {environments(comparison.replicates)}."),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
