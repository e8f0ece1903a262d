"""The command line: one file per command, and how errors are printed. No other part of bnlab imports it."""

from bnlab.cli.app import main

__all__ = [
    "main",
]
