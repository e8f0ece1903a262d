"""Trains jobs that a command lists itself, as a study does, in the same way as those of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bnlab.config import CONF, RunConfig
from bnlab.errors import UserError
from bnlab.hydra_bridge import messages
from bnlab.hydra_bridge.arguments import check, parsed
from bnlab.hydra_bridge.commanded import commanded
from bnlab.hydra_bridge.current import begin
from bnlab.hydra_bridge.jobs import configs_of, failures_of
from bnlab.hydra_bridge.work import results_of

if TYPE_CHECKING:
    from bnlab.launch import Outcome


def check_single(overrides: Sequence[str]) -> None:
    """Raises UserError for an override that is not legal, or has several values."""
    for text in overrides:
        if text.startswith("-"):
            raise UserError(f"{text} is no setting; write KEY=VALUE, e.g. epochs=1")
    check(overrides)
    for text in overrides:
        if parsed(text).is_sweep_override():
            raise UserError(f"{text} has several values; here one is needed, e.g. epochs=1")


def configurations(jobs: Sequence[Sequence[str]]) -> list[RunConfig]:
    """The configuration of every job, each fit for training. Raises UserError for the first that is not."""
    HydraConfig.instance().cfg = None

    def compose(overrides: list[str]) -> DictConfig:
        try:
            return hydra.compose("config", overrides=overrides)
        except Exception as error:
            if not messages.is_of_input(error):
                raise
            raise messages.user_error(error, overrides) from error

    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return configs_of(jobs, compose)


def train_all(configs: Sequence[RunConfig], names: Sequence[str], command: str) -> list[list[Outcome]]:
    """The results of these configurations: stored ones, and the others trained side by side, as by `bnlab train -m`.

    Args:
        configs: from `configurations`.
        names: their names in messages.
        command: is stored with the results, and shown at an interruption to resume.

    Raises:
        SweepFailedError: replicates failed; the others are stored.
        KeyboardInterrupt: the message says what was saved, and the command that resumes.
    """
    from bnlab.launch import failures

    begin(dry_run=False)
    with commanded(command):
        runs = results_of(configs)
    failed = {name: reason for name, outcomes in zip(names, runs, strict=True) if (reason := failures(outcomes))}
    if failed:
        raise failures_of(failed, len(runs))
    return runs
