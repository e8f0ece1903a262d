"""Hydra's `hydra/launcher=joblib|submitit_local|submitit_slurm|ray` with the settings in conf/launcher/."""

import importlib.util

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

PLUGINS = {
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "submitit_local": "hydra_plugins.hydra_submitit_launcher",
    "submitit_slurm": "hydra_plugins.hydra_submitit_launcher",
    "ray": "hydra_plugins.hydra_ray_launcher",
}
"""Whose names they are; Hydra would warn of a file that has the name of what a plugin stores."""


class InPlaceOfThePlugins(SearchPathPlugin):
    """Hydra asks it for folders once all plugins are loaded: only then is a name free to be stored anew."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Stores the launchers whose plugins are installed with other settings; adds no folder."""
        from bnlab.config import CONF

        for name, plugin in PLUGINS.items():
            if importlib.util.find_spec(plugin) is not None:
                node = OmegaConf.load(CONF / "launcher" / f"{name}.yaml")
                ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="bnlab")
