"""Hydra's `hydra/launcher=submitit_local` and `submitit_slurm`: a job whose worker dies fails alone.

The plugin of hydra-submitit-launcher would raise the first such error, and say nothing of the other jobs.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

COMMON = {
    *("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout")
}
"""The settings that every cluster has; submitit puts the cluster's name before all others."""


class _SubmititLauncher(Launcher):
    cluster: ClassVar[str]
    plugin: ClassVar[str]

    def __init__(self, submitit_folder: str, **settings: Any) -> None:
        from hydra_plugins.hydra_submitit_launcher import submitit_launcher

        self._folder, self._settings = submitit_folder, settings
        self._plugin = getattr(submitit_launcher, self.plugin)(submitit_folder=submitit_folder, **settings)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self._plugin.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submits all jobs, and waits for each."""
        import submitit

        from bnlab.hydra_bridge import returned

        settings = dict(self._plugin.params)
        del settings["submitit_folder"]
        retries = {f"{self.cluster}_{key}": settings.pop(key) for key in ("max_num_timeout",) if key in settings}
        executor = submitit.AutoExecutor(folder=self._folder, cluster=self.cluster, **retries)
        executor.update_parameters(
            **{key if key in COMMON else f"{self.cluster}_{key}": value for key, value in settings.items()}
        )
        numbers = [initial_job_idx + place for place in range(len(job_overrides))]
        jobs = executor.map_array(
            self._plugin,
            [list(overrides) for overrides in job_overrides],
            ["hydra.sweep.dir"] * len(numbers),
            numbers,
            [f"job_id_for_{number}" for number in numbers],
            [Singleton.get_state()] * len(numbers),
        )
        return [returned(job.result, overrides) for job, overrides in zip(jobs, job_overrides, strict=True)]


class LocalLauncher(_SubmititLauncher):
    cluster = "local"
    plugin = "LocalLauncher"


class SlurmLauncher(_SubmititLauncher):
    cluster = "slurm"
    plugin = "SlurmLauncher"
