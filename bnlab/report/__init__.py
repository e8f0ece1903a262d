"""Comparisons of stored runs: `make` reads, compares, prints and writes.

pandas and scipy are imported when a report is made, so that the command line can import this package at no cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from bnlab.report.compare import Comparison


@dataclass(frozen=True)
class Report:
    """What was compared, what had to be left out, and the files that were written."""

    comparison: "Comparison"
    warnings: list[str]
    files: list[Path]


def make(
    run_folders: Sequence[Path],
    by: Sequence[str],
    metric: str,
    baseline: str | None,
    output: Path | None,
    console: "Console",
) -> Report:
    """Compare runs, print the table with its notes, and write the files if there is a folder for them.

    Args:
        run_folders: run folders, or folders that hold run folders.
        by: the columns that make an arm ("norm.name"); none: whatever differs between the runs.
        metric: a final metric of the runs ("test_accuracy").
        baseline: the arm that the others are held against ("norm.name=none"), or None.
        output: the folder for results.csv, summary.csv and summary.md; None: nothing is written.
        console: where the table goes.

    Raises:
        UserError: a missing folder, no run, an unknown column or metric, a baseline that is not one arm, or an output
            folder that cannot be written.
    """
    from bnlab.report import compare, frame, render

    replicates, broken = frame.read(run_folders)
    comparison = compare.compare(replicates, by, metric, baseline)
    warnings = broken + comparison.left_out
    files = render.write(comparison, warnings, output) if output else []
    render.show(comparison, warnings, files, console)
    return Report(comparison, warnings, files)
