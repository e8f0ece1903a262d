"""How a command ends that cannot do what it was asked."""

from __future__ import annotations

import sys
from typing import NoReturn

from bnlab.errors import printable
from bnlab.machine import status

INTERRUPTED = 130


def fail(message: str, code: int) -> NoReturn:
    """Prints a line to stderr, whatever is in it, and ends the process with this exit code."""
    status.clear()
    sys.stderr.write(f"{printable(message)}\n")  # not by Click, which takes a stream in ASCII for one in UTF-8
    sys.exit(code)
