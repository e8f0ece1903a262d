"""Hydra's `hydra/launcher=stacked`, the default: trains the jobs of a sweep together in stacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class StackedLauncherConf:
    """The launcher's configuration. It has no settings: `stack.max_replicates` is part of bnlab's own."""

    _target_: str = "hydra_plugins.bnlab_launcher.StackedLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="bnlab")


class StackedLauncher(Launcher):
    """Takes all jobs at once, and trains those that are not stored yet side by side."""

    checks_jobs = True
    """Tells BnlabSweeper that the launcher checks every job before the first one starts."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra."""
        self._loader, self._config = hydra_context.config_loader, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Trains the jobs; a failed one has the status FAILED.

        Raises:
            UserError: a job's configuration is not legal; no job has started then.
        """
        from bnlab.hydra_bridge import configs_of, results_of

        configs = configs_of(job_overrides, lambda overrides: self._loader.load_sweep_config(self._config, overrides))

        from bnlab.launch import failures, validation_accuracy  # imports torch, after the cheap checks

        runs = results_of(configs)
        returns = []
        for overrides, outcomes in zip(job_overrides, runs, strict=True):
            failed = failures(outcomes)
            status = JobStatus.FAILED if failed else JobStatus.COMPLETED
            result = RuntimeError(failed) if failed else validation_accuracy(outcomes)
            returns.append(JobReturn(overrides=overrides, status=status, _return_value=result))
        return returns
