"""The bridge to Hydra: command-line arguments in, typed configurations out, and Hydra's errors in one line.

Only this package and hydra_plugins/ import Hydra.
"""

from bnlab.hydra_bridge import on_workers, slurm
from bnlab.hydra_bridge.arguments import changes_of, check_count, choices_for_lists
from bnlab.hydra_bridge.ending import add_finished, show_best, show_finished
from bnlab.hydra_bridge.fresh_seeds import with_fresh_seeds
from bnlab.hydra_bridge.jobs import configs_of, failures_of, own_settings, usable
from bnlab.hydra_bridge.main import configuration, train, trained
from bnlab.hydra_bridge.on_workers import returned
from bnlab.hydra_bridge.settings import overrides_of, sweep_of
from bnlab.hydra_bridge.several import check_single, configurations, train_all
from bnlab.hydra_bridge.work import results_of

__all__ = [
    "add_finished",
    "changes_of",
    "check_count",
    "check_single",
    "choices_for_lists",
    "configs_of",
    "configuration",
    "configurations",
    "failures_of",
    "on_workers",
    "overrides_of",
    "own_settings",
    "results_of",
    "returned",
    "show_best",
    "show_finished",
    "slurm",
    "sweep_of",
    "train",
    "train_all",
    "trained",
    "usable",
    "with_fresh_seeds",
]
