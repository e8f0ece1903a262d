"""Checks that the packages of trackers are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from bnlab.errors import UserError

_PACKAGES = {"mlflow": "mlflow", "tensorboard": "tensorboard", "wandb": "wandb"}
"""For each tracker the package that it needs; bnlab's extra that installs it has the same name."""


def check(names: Sequence[str]) -> None:
    """Raises UserError for the first of these trackers whose package is missing."""
    for name in names:
        if name in _PACKAGES and importlib.util.find_spec(_PACKAGES[name]) is None:
            raise UserError(
                f"tracker={name} needs a package that is not installed: pip install 'bnlab[{name}]', "
                f"or pip install {_PACKAGES[name]}"
            )
