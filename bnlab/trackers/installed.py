"""Checks that the packages of trackers are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from bnlab.errors import UserError

_OF_PACKAGES = ("mlflow", "tensorboard", "wandb")
"""The trackers that need a package; the package, and bnlab's extra that installs it, have the same name."""


def check(names: Sequence[str]) -> None:
    """Raises UserError for the first of these trackers whose package is missing."""
    for name in names:
        if name in _OF_PACKAGES and importlib.util.find_spec(name) is None:
            raise UserError(
                f"tracker={name} needs a package that is not installed: pip install 'bnlab[{name}]', "
                f"or pip install {name}"
            )
