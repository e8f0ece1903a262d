"""Printing a comparison, and writing its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from bnlab import machine
from bnlab.errors import UserError
from bnlab.report.comparison import Comparison, contrasts, environments, metric_columns, without_breaks
from bnlab.report.csv_text import csv_text
from bnlab.report.tables import contents, fitting, formats, latex
from bnlab.report.tables.contents import Table
from bnlab.store import replace

PAGE, CHARTS = "report.html", "charts"
MANIFEST = ".report-files"
"""The file that lists a report's files, so that the next report in the folder replaces all of them."""
MOST_VERDICTS = 12
MOST_ROWS = 100
"""The most verdicts and rows that are printed; the files hold all."""
BETWEEN = 2
"""Blanks between two columns."""
BEST_STYLE = "bold green"


def show(
    comparison: Comparison,
    verdicts: Sequence[str],
    warnings: Sequence[str],
    files: Sequence[Path],
    console: Console,
    also: Table | None = None,
) -> None:
    """Prints the verdicts, the summary, another table if there is one, notes, warnings, and the names of the files.

    Args:
        comparison: from `compare`.
        verdicts: the sentences.
        warnings: what was left out, a line each.
        files: the paths of the files that were written.
        console: where to print.
        also: the other table.
    """
    won = bool(comparison.lead and comparison.lead.real)
    for number, verdict in enumerate(verdicts[:MOST_VERDICTS]):
        say(f"* {verdict}", console, BEST_STYLE if won and number == 0 else "")
    if len(verdicts) > MOST_VERDICTS:
        say(f"* and {len(verdicts) - MOST_VERDICTS} more: -o FOLDER writes all", console)
    for table in contents.present([contents.summary(comparison), also]):
        show_table(table, console)
    for note in comparison.notes:
        say(f"note: {note}", console)
    for warning in warnings:
        say(f"warning: {warning}", console, "yellow")
    if files:
        charts = sum(file.parent.name == CHARTS for file in files)
        page = next(file for file in files if file.name == PAGE)
        beside = f"{len(files) - 1 - charts} files beside it, {charts} in {CHARTS}/"
        console.print(Text(f"wrote {page}; {beside}"), soft_wrap=True)


def say(text: str, console: Console, style: str = "") -> None:
    """Prints a text as one line, wrapped on a terminal only; line breaks in it become spaces."""
    machine.say(without_breaks(text), console, style)


def show_table(table: Table, console: Console) -> None:
    """Prints a table. On a terminal that is too narrow, constant columns go to the title and spare ones are left out.

    Digits are never cut off, because that would make other numbers. In a pipe or a file all columns are printed.
    """
    out: list[str] = []
    if console.is_terminal and _width(table) > console.width:
        table, out = fitting.fitted(fitting.told_once(table), _column_width, console.width - 1)
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    foldable = console.is_terminal and _width(table) > console.width
    for name in table.cells.columns:
        # Text, not str, so that rich takes nothing in a label for markup.
        label = name in table.labels
        lines = fitting.folded(without_breaks(name), list(map(without_breaks, table.cells[name])))
        head = Text("\n" if console.is_terminal else " ").join(map(Text, lines))
        grid.add_column(head, justify="left" if label else "right", no_wrap=not (label and foldable))
    rows = table.cells.to_numpy().tolist()
    best = table.best or (False,) * len(rows)
    for row, mark in list(zip(rows, best, strict=True))[:MOST_ROWS]:
        grid.add_row(*(Text(without_breaks(cell)) for cell in row), style=BEST_STYLE if mark else None)
    if not foldable:
        machine.as_wide_as_needed(grid, console)
    say(table.title, console, "italic")
    console.print(grid, soft_wrap=not foldable)
    if len(rows) > MOST_ROWS:
        console.print(Text(f"and {len(rows) - MOST_ROWS} more rows: -o FOLDER writes all"), soft_wrap=True)
    if out:
        say(f"no room for: {'; '.join(out)}: a wider terminal or -o FOLDER shows them", console)


def _width(table: Table) -> float:
    return 1 + sum(_column_width([str(name), *own]) for name, own in table.cells.items())


def _column_width(texts: Sequence[str]) -> float:
    head, *cells = map(without_breaks, texts)
    return max(map(len, [*fitting.folded(head, cells), *cells])) + BETWEEN


def texts(
    comparison: Comparison, written: Sequence[Table], verdicts: Sequence[str], warnings: Sequence[str]
) -> dict[str, str]:
    """The contents of the CSV, LaTeX, Markdown and JSON files by name; CSV: unrounded, in the metric's own unit."""
    every = {f"{table.name}.csv": table.data for table in written}
    csv = {"results.csv": results(comparison)} | every
    numbers = {name: csv_text(data) for name, data in csv.items()}
    papers = {f"{table.name}.tex": latex.table(table) for table in written}
    return (
        numbers
        | papers
        | {
            "summary.md": markdown(comparison, written, verdicts, warnings),
            "summary.json": in_json(comparison, written, verdicts, warnings),
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
    )


def in_json(comparison: Comparison, written: Sequence[Table], verdicts: Sequence[str], warnings: Sequence[str]) -> str:
    """The content of summary.json: the numbers of the tables, verdicts, notes and warnings."""
    return formats.as_json(
        written,
        metric=comparison.metric,
        by=comparison.by,
        baseline=comparison.baseline,
        verdicts=list(verdicts),
        notes=comparison.notes,
        warnings=list(warnings),
    )


def write(files: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """Writes the files into a folder, and removes files of the previous report there that this one does not have.

    Raises:
        UserError: the folder cannot be created or written.
    """
    try:
        earlier = _earlier(folder)
        for name, content in files.items():
            replace(folder / name, content)
        replace(folder / MANIFEST, "".join(f"{name}\n" for name in files))
        for path in earlier.difference(folder / name for name in files):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write the report to '{folder}': {error.strerror}; choose another folder") from error
    return [folder / name for name in files]


def _earlier(folder: Path) -> set[Path]:
    """The files of the previous report in the folder, by its list; paths outside the folder are ignored."""
    try:
        names = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return set()
    inside = (name for name in names if name and (folder / name).resolve().is_relative_to(folder.resolve()))
    return {folder / name for name in inside}


def results(comparison: Comparison) -> pd.DataFrame:
    """The final metrics in long form: one row per replicate and metric."""
    own = list(dict.fromkeys(["arm", *comparison.by, "run", "seed", "state"]))
    metrics = metric_columns(comparison.replicates)
    return comparison.replicates.melt(id_vars=own, value_vars=metrics, var_name="metric", value_name="value")


def markdown(comparison: Comparison, written: Sequence[Table], verdicts: Sequence[str], warnings: Sequence[str]) -> str:
    """The content of summary.md: verdicts, tables, notes, warnings, and versions and hardware."""
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
