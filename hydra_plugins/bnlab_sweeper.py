"""Hydra's `hydra/sweeper=bnlab`, the default: the basic sweeper, with every job checked before the first one starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig


@dataclass
class BnlabSweeperConf:
    """The sweeper's configuration, with the settings of the basic sweeper."""

    _target_: str = "hydra_plugins.bnlab_sweeper.BnlabSweeper"
    max_batch_size: int | None = None
    params: dict[str, Any] = field(default_factory=dict)


for name in ("bnlab", "basic"):  # "basic" too: Hydra's own writes multirun.yaml, and stops at the first failure
    ConfigStore.instance().store(group="hydra/sweeper", name=name, node=BnlabSweeperConf, provider="bnlab")


class BnlabSweeper(BasicSweeper):
    """Unlike the basic sweeper it writes no multirun.yaml, and it goes on after failures to list them all."""

    def sweep(self, arguments: list[str]) -> None:
        """Runs a job for each combination of the values.

        Raises:
            UserError: a job's configuration is not legal; no job has started then.
            SweepFailedError: jobs failed; the others are done.
        """
        from bnlab.errors import UserError
        from bnlab.hydra_bridge import check_count, failures_of, own_settings, usable

        # Set by setup(), which Hydra calls first.
        assert self.hydra_context is not None
        assert self.launcher is not None
        assert self.config is not None
        config, loader = self.config, self.hydra_context.config_loader
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        check_count(parsed)
        jobs = own_settings(job for batch in self.split_arguments(parsed, None) for job in batch)
        if not jobs:
            raise UserError(f"no job comes of {' '.join(arguments)}: one of them has no value")

        def compose(overrides: list[str]) -> DictConfig:
            return loader.load_sweep_config(config, overrides)

        globs = {str(override.key_or_group) for override in parsed if isinstance(override.value(), Glob)}
        if globs:  # of all choices, some may not fit the other settings
            jobs = usable(jobs, globs, compose)
        failures = self._launch(jobs, self.launcher, compose)
        if failures:
            raise failures_of(failures, len(jobs))

    def _launch(
        self, jobs: list[list[str]], launcher: Launcher, compose: Callable[[list[str]], DictConfig]
    ) -> dict[str, str]:
        """What went wrong with each job of which something did."""
        if getattr(launcher, "checks_jobs", False):
            return self._together(jobs, launcher)
        return self._on_workers(jobs, compose)

    def _together(self, jobs: list[list[str]], launcher: Launcher) -> dict[str, str]:
        from bnlab.errors import UserError

        assert self.config is not None
        if self.config.stack.jobs is not None:
            raise UserError(
                f"stack.jobs={self.config.stack.jobs} changes nothing: hydra/launcher=stacked trains all runs in one "
                "job; leave it out, or choose another launcher"
            )
        size = self.max_batch_size or len(jobs)
        batches = (jobs[start : start + size] for start in range(0, len(jobs), size))
        returns = [each for batch in batches for each in launcher.launch(batch, initial_job_idx=0)]
        return {
            " ".join(overrides): " ".join(str(each._return_value).split())
            for overrides, each in zip(jobs, returns, strict=True)
            if each.status != JobStatus.COMPLETED
        }

    def _on_workers(self, jobs: list[list[str]], compose: Callable[[list[str]], DictConfig]) -> dict[str, str]:
        from bnlab.errors import written
        from bnlab.hydra_bridge import add_finished, configs_of, on_workers, with_fresh_seeds
        from bnlab.launch import Standing, finished, stored_outcomes
        from bnlab.store import State

        configs = configs_of(jobs, compose)
        fresh = with_fresh_seeds(configs)
        if fresh != configs:
            jobs = [[*job, f"seeds={written(each.seeds)}"] for job, each in zip(jobs, fresh, strict=True)]
        assert self.hydra_context is not None
        assert self.config is not None
        workers = on_workers.workers_of(self.config.hydra.launcher)
        groups = on_workers.groups_of(fresh, workers)
        task = on_workers.task_of(groups, jobs, fresh)
        launcher = Plugins.instance().instantiate_launcher(self.hydra_context, task, self.config)

        def launch(numbers: Sequence[int]) -> list[JobReturn]:
            size = self.max_batch_size or workers.at_once or len(numbers)
            returns: list[JobReturn] = []
            for batch in (numbers[start : start + size] for start in range(0, len(numbers), size)):
                returns.extend(launcher.launch([jobs[groups[each][0]] for each in batch], initial_job_idx=batch[0]))
            return returns

        before, standings = finished(fresh), [Standing(config) for config in fresh]
        missing = State.FAILED
        try:
            with on_workers.limited(workers.threads):
                ends = on_workers.ends_of(groups, standings, launch)
        except KeyboardInterrupt:
            missing = State.INTERRUPTED
            raise
        finally:  # whatever became of the launcher
            add_finished(stored_outcomes(fresh, before, missing))
        return {" ".join(jobs[number]): reason for number, reason in ends.items()}

    def _parse_config(self) -> list[str]:
        from bnlab.hydra_bridge import choices_for_lists

        return [f"{key}={value}" for key, value in choices_for_lists(self.params).items()]
