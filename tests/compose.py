"""Composes the shipped configuration as `bnlab train` does, without a command line."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from bnlab.config import CONF
from bnlab.hydra_bridge.main import plain_of


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The composed configuration as plain values, which `bnlab.config.from_mapping` takes.

    Hydra needs a tenth of a second to compose. So it composes each set of choices (`norm=layer`) only once, and this
    function puts in the values of single settings (`norm.eps=1e-3`).

    Args:
        overrides: as on the command line.
    """
    values = [override for override in overrides if re.match(r"\w+(\.\w+)?=", override) and not is_choice(override)]
    composed = copy.deepcopy(composed_by_hydra(tuple(override for override in overrides if override not in values)))
    given: Any = OmegaConf.to_container(OmegaConf.from_dotlist(values))
    for value in values:
        *section, name = value.partition("=")[0].split(".")
        into, of = (functools.reduce(lambda mapping, key: mapping[key], section, each) for each in (composed, given))
        assert name in into, f"there is no {value}"
        into[name] = of[name]
    return composed


def is_choice(override: str) -> bool:
    """Whether an override chooses a file of a group, as `norm=layer` does."""
    return (CONF / override.partition("=")[0]).is_dir()


@functools.cache
def composed_by_hydra(overrides: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return plain_of(hydra_compose("config", overrides=list(overrides)))
