"""Settings without effect: those that change nothing in a run because of other settings."""

from __future__ import annotations

from bnlab.config.run import RunConfig
from bnlab.errors import written


def without_effect(config: RunConfig) -> dict[str, str]:
    """The keys of the settings whose values make no difference to this run, each with the reason."""
    idle = {f"norm.{name}": reason for name, reason in config.norm.without_effect().items()}
    if config.steps is not None:
        idle["epochs"] = f"steps={config.steps} says when the training ends"
    if config.seeds is not None:
        idle["seed"] = f"seeds={written(config.seeds)} says which seeds are trained"
    if config.optimizer.weight_decay == 0:
        idle["optimizer.decay_norm_params"] = "optimizer.weight_decay=0 decays nothing"
    return idle
