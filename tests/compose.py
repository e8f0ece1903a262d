"""The shipped configuration, composed as `bnlab train` does it, without a command line."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir

from bnlab.config import CONF
from bnlab.hydra_bridge.main import plain_of


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """Plain values, as `bnlab.config.from_mapping` takes them."""
    return copy.deepcopy(_compose(tuple(overrides)))


@functools.cache
def _compose(overrides: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return plain_of(hydra_compose("config", overrides=list(overrides)))
