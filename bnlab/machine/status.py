"""A line on the terminal that says what bnlab is doing until there is output. In a pipe it is not shown."""

from __future__ import annotations

import sys

ERASE = "\r\x1b[K"
_shown: list[str] = []
"""The line that is shown now, if there is one."""


def show(text: str) -> None:
    """Shows a line, in place of the one before."""
    if sys.stderr.isatty():
        clear()
        _shown.append(text)
        sys.stderr.write(f"{text} ...")
        sys.stderr.flush()


def follow(text: str) -> None:
    """Shows a line if there is one already. So nothing is shown where no command has begun with `show`."""
    if _shown:
        show(text)


def clear() -> None:
    """Removes the line."""
    if _shown:
        _shown.clear()
        sys.stderr.write(ERASE)
        sys.stderr.flush()
