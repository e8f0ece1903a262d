"""Tables in a pipe, a file or a narrow terminal: whole lines, whatever their length."""

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
