"""What is done with a launch's configurations: they are trained, or with --dry-run only their cost is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnlab.config import RunConfig
from bnlab.errors import UserError
from bnlab.hydra_bridge.current import launch
from bnlab.hydra_bridge.ending import add_finished
from bnlab.hydra_bridge.fresh_seeds import with_fresh_seeds

if TYPE_CHECKING:
    from bnlab.launch import Outcome

DRY_RUN = "--dry-run"


class ForeseenError(Exception):
    """Ends a dry run, once everything is printed."""


def for_dry_run(arguments: Sequence[str]) -> list[str]:
    """The arguments of a dry run, with which all jobs come to `results_of` at once.

    Raises:
        UserError: the sweeper chooses jobs by the results of earlier ones, so they are not known beforehand.
    """
    for text in arguments:
        if text.startswith("hydra/sweeper=") and text.partition("=")[2] not in ("bnlab", "basic"):
            raise UserError(f"{text} finds its jobs as it goes, so {DRY_RUN} cannot tell them; leave one of them out")
    dropped = (DRY_RUN, "hydra/launcher=", "hydra.launcher.", "hydra.sweeper.max_batch_size=")
    return [text for text in arguments if not text.lstrip("+").startswith(dropped)]


def results_of(configs: Sequence[RunConfig]) -> list[list[Outcome]]:
    """Trains these configurations; their results are shown when the launch ends.

    Raises:
        ForeseenError: it is a dry run, and the cost has been printed.
    """
    from bnlab.launch import foresee, run

    configs = with_fresh_seeds(configs)
    if launch().dry_run:
        foresee(configs)
        raise ForeseenError
    runs = run(configs)
    add_finished(runs)
    return runs
