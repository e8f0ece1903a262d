"""Hydra's `hydra/launcher=submitit_local` and `submitit_slurm`: a job whose worker dies fails alone.

The plugin of hydra-submitit-launcher would raise the first such error, and say nothing of the other jobs.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
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
        """Submits all jobs, and waits for each.

        Raises:
            UserError: there is no such cluster, or it refuses the jobs.
        """
        from bnlab.errors import UserError, shown
        from bnlab.hydra_bridge import returned

        try:
            jobs = self._submitted(job_overrides, initial_job_idx)
        except RuntimeError as error:
            reason = shown(" ".join(str(error).split()))
            raise UserError(f"hydra/launcher=submitit_{self.cluster}: no job was started: {reason}") from error
        with self._watched(jobs):
            return [
                returned(functools.partial(_result_of, job), overrides)
                for job, overrides in zip(jobs, job_overrides, strict=True)
            ]

    def _submitted(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[Any]:
        """The jobs, as submitit has them."""
        import submitit

        settings = dict(self._plugin.params)
        del settings["submitit_folder"]
        retries = {f"{self.cluster}_{key}": settings.pop(key) for key in ("max_num_timeout",) if key in settings}
        executor = submitit.AutoExecutor(folder=self._folder, cluster=self.cluster, **retries)
        executor.update_parameters(
            **{key if key in COMMON else f"{self.cluster}_{key}": value for key, value in settings.items()}
        )
        numbers = [initial_job_idx + place for place in range(len(job_overrides))]
        jobs: list[Any] = executor.map_array(
            self._plugin,
            [list(overrides) for overrides in job_overrides],
            ["hydra.sweep.dir"] * len(numbers),
            numbers,
            [f"job_id_for_{number}" for number in numbers],
            [Singleton.get_state()] * len(numbers),
        )
        return jobs

    @contextlib.contextmanager
    def _watched(self, jobs: Sequence[Any]) -> Iterator[None]:
        """Within the `with`, these jobs are waited for."""
        yield


def _result_of(job: Any) -> JobReturn:
    """Waits for a job of submitit's. Raises TimeoutError if it was ended since its time was over."""
    from submitit.core.utils import UncompletedJobError

    ended: JobReturn = job.result()
    if isinstance(ended._return_value, UncompletedJobError):
        raise TimeoutError("hydra.launcher.timeout_min is over")
    return ended


class LocalLauncher(_SubmititLauncher):
    cluster = "local"
    plugin = "LocalLauncher"


class SlurmLauncher(_SubmititLauncher):
    cluster = "slurm"
    plugin = "SlurmLauncher"

    @contextlib.contextmanager
    def _watched(self, jobs: Sequence[Any]) -> Iterator[None]:
        from bnlab.hydra_bridge import slurm

        queue = slurm.Queue()
        for job in jobs:
            job.watcher = queue
        try:
            yield
        except KeyboardInterrupt as interrupt:
            array = jobs[0].job_id.partition("_")[0]
            raise type(interrupt)(f"interrupted; Slurm's jobs go on, and scancel {array} ends them") from interrupt
