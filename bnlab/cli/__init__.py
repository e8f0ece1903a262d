"""The command line: a file per command, and what becomes of errors. It imports what is below, and nobody imports it."""

from bnlab.cli.app import main

__all__ = [
    "main",
]
