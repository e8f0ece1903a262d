"""Whole lines in a pipe or a file, whatever their length; and of tables in a narrow terminal too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def as_wide_as_needed(table: Table, console: Console) -> Table:
    """The table, never squeezed: digits cut off to fit would be other numbers, and folding thousands takes seconds."""
    table.width = console.measure(table, options=console.options.update(max_width=sys.maxsize)).maximum
    return table


def say(line: str, console: Console) -> None:
    """Prints a line; only a terminal breaks it."""
    console.print(line, markup=False, soft_wrap=not console.is_terminal)
