"""Printing without breaking long lines in a pipe or a file, or squeezing wide tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def as_wide_as_needed(table: Table, console: Console) -> Table:
    """The table at its full width: cutting digits off would change numbers, and wrapping thousands of rows is slow."""
    table.width = console.measure(table, options=console.options.update(max_width=sys.maxsize)).maximum
    return table


def say(line: str, console: Console) -> None:
    """Prints a line, which is wrapped only on a terminal."""
    console.print(line, markup=False, soft_wrap=not console.is_terminal)
