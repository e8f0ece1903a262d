"""Makes Hydra's argument parser work on every Python.

Since Python 3.14 argparse checks a help text when the option is added. One of Hydra 1.3's help texts is an object that
makes the text only when it is shown, so every command would fail with "badly formed help string".
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

from hydra._internal.utils import get_args_parser

CHECK = "_check_help"
"""The name of argparse's method for that check, which exists since Python 3.14."""


@contextlib.contextmanager
def unchecked_help() -> Iterator[None]:
    """Switches off that check within the `with`."""
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
    """The parser as `hydra.main` makes it."""
    with unchecked_help():
        return get_args_parser()
