"""Ending a command with an error message and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

from bnlab.errors import printable
from bnlab.machine import status

INTERRUPTED = 130


def fail(message: str, code: int) -> NoReturn:
    """Prints a line to stderr, with unprintable characters replaced, and ends the process with this exit code."""
    status.clear()
    sys.stderr.write(f"{printable(message)}\n")  # not click.echo, which writes UTF-8 to a stream in ASCII
    sys.exit(code)
