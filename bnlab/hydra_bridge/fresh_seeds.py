"""`seeds=+5`: five seeds that are not stored yet, the same ones for all runs of a command."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from collections.abc import Sequence

from bnlab.config import RunConfig
from bnlab.errors import written
from bnlab.hydra_bridge.current import launch
from bnlab.store import environment

TYPED = re.compile(r"(\+*seeds)=(\+\d+)")


def quoted(override: str) -> str:
    """`seeds='+5'` for `seeds=+5`, which Hydra would read as the number 5; other overrides as they are."""
    return TYPED.sub(r"\1='\2'", override) if TYPED.fullmatch(override) else override


def with_fresh_seeds(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """The configurations, with a list of seeds in place of `+5`.

    It is also put into the command that is stored to resume the training, since `+5` would mean other seeds later.
    """
    if not any(config.more_seeds() for config in configs):
        return list(configs)
    chosen = launch().fresh_seeds
    if not chosen:
        from bnlab.launch import fresh_seeds

        chosen.extend(fresh_seeds(configs))
        words = shlex.split(environment.command() or "bnlab train")
        kept = [word for word in words if not word.lstrip("+").startswith("seeds=")]
        os.environ[environment.COMMAND] = shlex.join([*kept, f"seeds={written(chosen)}"])
    return [dataclasses.replace(config, seeds=list(chosen)) if config.more_seeds() else config for config in configs]
