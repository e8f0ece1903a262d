"""Hydra's `hydra/sweeper=optuna`: the plugin of hydra-optuna-sweeper, which also prints the best trial."""

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, read_write


class InPlaceOfThePlugin(SearchPathPlugin):
    """Makes `hydra/sweeper=optuna` mean the sweeper below.

    It is a SearchPathPlugin because Hydra calls these when all plugins are loaded: only then can the plugin's own entry
    be replaced.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Replaces the entry `hydra/sweeper=optuna`; adds no folder."""
        if importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper") is None:
            return
        from hydra_plugins.hydra_optuna_sweeper.config import Direction, OptunaSweeperConf

        node = OptunaSweeperConf(
            _target_="hydra_plugins.bnlab_optuna.OptunaSweeper",
            direction=Direction.maximize,  # a job returns its validation accuracy
        )
        ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=node, provider="bnlab")


class OptunaSweeper(Sweeper):
    """The plugin's sweeper, with two differences: it prints the best trial, and leaves no file behind."""

    def __init__(self, **settings: Any) -> None:
        import optuna
        from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper as Plugin

        from bnlab.hydra_bridge import choices_for_lists

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._plugin = Plugin(**settings | {"params": choices_for_lists(settings["params"])})

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self._config = config
        self._plugin.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> None:
        """Searches, and prints all trials and the best one's command.

        Raises:
            UserError: there is no validation accuracy to maximize, or the search space is not legal.
        """
        from bnlab.errors import UserError
        from bnlab.hydra_bridge import show_best, show_finished

        if self._config.data.validation_size == 0:
            raise UserError("data.validation_size=0 leaves hydra/sweeper=optuna no validation accuracy to go by")
        with tempfile.TemporaryDirectory() as folder:
            with read_write(self._config):
                self._config.hydra.sweep.dir = folder
            self._plugin.sweep(arguments)
            show_finished()
            found = yaml.safe_load(Path(folder, "optimization_results.yaml").read_text(encoding="utf-8"))
        if "best_params" in found:  # missing in a search with several objectives
            show_best(found["best_params"], found["best_value"])
