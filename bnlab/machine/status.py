"""A line on the terminal that says what is waited for, until there is more to see. In a pipe nothing is said."""

from __future__ import annotations

import sys

ERASE = "\r\x1b[K"
_shown: list[str] = []
"""The line that stands there, if one does."""


def show(text: str) -> None:
    """Puts a line in the place of the one before."""
    if sys.stderr.isatty():
        clear()
        _shown.append(text)
        sys.stderr.write(f"{text} ...")
        sys.stderr.flush()


def follow(text: str) -> None:
    """The same, if a line stands there: where the user wants none, none was begun."""
    if _shown:
        show(text)


def clear() -> None:
    """Takes the line away."""
    if _shown:
        _shown.clear()
        sys.stderr.write(ERASE)
        sys.stderr.flush()
