"""Whether the packages of trackers are there."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from bnlab.errors import UserError

_PACKAGES = {"mlflow": "mlflow", "tensorboard": "tensorboard", "wandb": "wandb"}
"""The package that a tracker needs; it bears the name of the extra that installs it."""


def check(names: Sequence[str]) -> None:
    """Raises UserError for the first of these trackers whose package is missing."""
    for name in names:
        if name in _PACKAGES and importlib.util.find_spec(_PACKAGES[name]) is None:
            raise UserError(
                f"tracker={name} needs a package that is not installed: pip install 'bnlab[{name}]', "
                f"or pip install {_PACKAGES[name]}"
            )
