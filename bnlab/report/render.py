"""A comparison on the terminal, as CSV and as Markdown."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnlab.errors import UserError
from bnlab.report.arms import ABSENT
from bnlab.report.compare import Comparison, is_accuracy
from bnlab.report.frame import ENVIRONMENT, metric_columns
from bnlab.store import replace


def show(comparison: Comparison, warnings: Sequence[str], files: Sequence[Path], console: Console) -> None:
    """Print the table, the notes, the warnings and the names of the files."""
    cells = table(comparison)
    grid = Table(title=Text(title(comparison)), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for name in cells.columns:
        # Text, not str: a label is shown as it is, whatever rich would take for markup in it.
        grid.add_column(Text(name), justify="left" if name in _label_columns(comparison) else "right", no_wrap=True)
    for row in cells.to_numpy().tolist():
        grid.add_row(*map(Text, row))
    # Never squeezed: digits cut off to fit a narrow terminal or a pipe would be other numbers.
    grid.width = console.measure(grid, options=console.options.update(max_width=sys.maxsize)).maximum
    console.print(grid, soft_wrap=True)
    for note in comparison.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    for warning in warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    for file in files:
        console.print(Text(f"wrote {file}"), soft_wrap=True)


def write(comparison: Comparison, warnings: Sequence[str], folder: Path) -> list[Path]:
    """Write results.csv, summary.csv and summary.md; the CSV files hold the metric's own unit, unrounded.

    Raises:
        UserError: the folder cannot be made or written.
    """
    texts = {
        "results.csv": results(comparison).to_csv(index=False, lineterminator="\n"),
        "summary.csv": comparison.summary.to_csv(index=False, lineterminator="\n"),
        "summary.md": markdown(comparison, warnings),
    }
    try:
        for name, text in texts.items():
            replace(folder / name, text)
    except OSError as error:
        raise UserError(f"cannot write the report to '{folder}': {error.strerror}; choose another folder") from error
    return [folder / name for name in texts]


def title(comparison: Comparison) -> str:
    """The metric with its unit, and the order of the rows."""
    return f"{comparison.metric}{' (%)' if is_accuracy(comparison.metric) else ''}, best first"


def table(comparison: Comparison) -> pd.DataFrame:
    """The summary as text: accuracies in percent and points with 2 decimals, all else with 4; "-" for no number."""
    summary = comparison.summary
    accuracy = is_accuracy(comparison.metric)

    def number(value: float, sign: str = "") -> str:
        if pd.isna(value):
            return ABSENT
        return f"{100 * value:{sign}z.2f}" if accuracy else f"{value:{sign}z.4f}"

    def interval(prefix: str, sign: str = "") -> list[str]:
        ends = zip(summary[f"{prefix}low"], summary[f"{prefix}high"], strict=True)
        return [ABSENT if pd.isna(low) else f"{number(low, sign)} to {number(high, sign)}" for low, high in ends]

    cells = {name: summary[name].fillna(ABSENT).tolist() for name in _label_columns(comparison)}
    cells["n"] = [str(n) for n in summary["n"]]
    if summary["diverged"].any():
        cells["diverged"] = [str(count) for count in summary["diverged"]]
    cells["mean"] = [number(value) for value in summary["mean"]]
    cells["sd"] = [number(value) for value in summary["sd"]]
    cells["95 % interval"] = interval("")
    if comparison.baseline:
        unit = "points" if accuracy else "difference"
        cells[unit] = [number(value, "+") for value in summary["difference"]]
        cells[f"{unit}, 95 %"] = interval("difference_", "+")
    return pd.DataFrame(cells)


def results(comparison: Comparison) -> pd.DataFrame:
    """Long form: one row per replicate and metric."""
    own = list(dict.fromkeys(["arm", *comparison.by, "run", "seed", "state"]))
    metrics = metric_columns(comparison.replicates)
    return comparison.replicates.melt(id_vars=own, value_vars=metrics, var_name="metric", value_name="value")


def markdown(comparison: Comparison, warnings: Sequence[str]) -> str:
    """The table with its notes, its warnings, and where it was run."""
    cells = table(comparison)
    labels = _label_columns(comparison)
    align = ["left" if name in labels else "right" for name in cells.columns]
    # A bar would end the cell. Numbers are formatted already: tabulate is not to read and rewrite them.
    escaped = cells.map(lambda cell: cell.replace("|", "\\|"))
    grid = escaped.to_markdown(index=False, colalign=align, disable_numparse=True)
    lines = [f"- note: {note}" for note in comparison.notes] + [f"- warning: {warning}" for warning in warnings]
    parts = [f"# {title(comparison)}", grid, "\n".join(lines), f"Run with {environments(comparison.replicates)}."]
    return "\n\n".join(part for part in parts if part) + "\n"


def environments(replicates: pd.DataFrame) -> str:
    """The versions and the hardware of the replicates, each combination once."""
    names = ["bnlab", "torch", "python", "device", "cpu", "threads"]
    columns = replicates.reindex(columns=[f"{ENVIRONMENT}{name}" for name in names]).astype(object).fillna("unknown")
    rows = columns.drop_duplicates().to_numpy().tolist()
    return "; ".join(
        f"bnlab {bnlab}, torch {torch}, Python {python} on {device} (processor {cpu}, {threads} threads)"
        for bnlab, torch, python, device, cpu, threads in rows
    )


def _label_columns(comparison: Comparison) -> list[str]:
    return comparison.by or ["arm"]
