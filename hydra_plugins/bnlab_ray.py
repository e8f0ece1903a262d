"""Hydra's `hydra/launcher=ray`: the plugin of hydra-ray-launcher, with a job whose worker dies failing alone."""

import functools
from collections.abc import Sequence

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


class RayLauncher(Launcher):
    """Unlike the plugin's own it waits for every job, whatever became of the others."""

    def __init__(self, ray: DictConfig) -> None:
        self._ray = ray

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Starts all jobs, and waits for each."""
        import ray
        from hydra_plugins.hydra_ray_launcher import _launcher_util as plugin

        from bnlab.hydra_bridge import returned

        plugin.start_ray(self._ray.init)
        started = []
        for place, overrides in enumerate(job_overrides):
            config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
            with open_dict(config):
                config.hydra.job.num = initial_job_idx + place
                config.hydra.job.id = f"job_id_for_{initial_job_idx + place}"
            started.append(
                plugin.launch_job_on_ray(self._context, self._ray.remote, config, self._task, Singleton.get_state())
            )
        return [
            returned(functools.partial(ray.get, job), overrides)
            for job, overrides in zip(started, job_overrides, strict=True)
        ]
