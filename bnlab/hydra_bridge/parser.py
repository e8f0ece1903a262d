"""Hydra's parser of its command line, on every Python.

Since Python 3.14 argparse looks into a help text when the option is added. Hydra 1.3 makes one of its texts only when
it is shown, and hands over an object that is no text: every command would fail with "badly formed help string".
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from hydra._internal.utils import get_args_parser

CHECK = "_check_help"
"""argparse's own name for the look; before Python 3.14 nothing has it."""


@contextlib.contextmanager
def unchecked_help() -> Iterator[None]:
    """Meanwhile argparse takes any object for a help text."""
    own = vars(argparse.ArgumentParser).get(CHECK)
    setattr(argparse.ArgumentParser, CHECK, lambda parser, action: None)
    try:
        yield
    finally:
        if own is None:
            delattr(argparse.ArgumentParser, CHECK)
        else:
            setattr(argparse.ArgumentParser, CHECK, own)


def hydra_parser() -> argparse.ArgumentParser:
    """As `hydra.main` makes it."""
    with unchecked_help():
        return get_args_parser()
