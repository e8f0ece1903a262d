"""Hydra's `hydra/sweeper=bnlab`, the default: the basic sweeper, with every job checked before the first one starts."""

from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus


@dataclass
class BnlabSweeperConf:
    """Settings of the sweeper, as the basic one's."""

    _target_: str = "hydra_plugins.bnlab_sweeper.BnlabSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="bnlab", node=BnlabSweeperConf, provider="bnlab")


class BnlabSweeper(BasicSweeper):
    """Unlike the basic sweeper it writes no multirun.yaml, and it goes on after failures to list them all."""

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the jobs of the product of all values.

        Raises:
            UserError: a job's configuration is not legal; no job has started then.
            SweepFailedError: jobs failed; the others are done.
        """
        from bnlab.errors import UserError
        from bnlab.hydra_bridge import check_count, configs_of, failures_of, own_settings

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
        if not getattr(self.launcher, "checks_jobs", False):
            configs_of(jobs, lambda overrides: loader.load_sweep_config(config, overrides))
        returns: list[JobReturn] = []
        size = self.max_batch_size or len(jobs)
        for batch in (jobs[start : start + size] for start in range(0, len(jobs), size)):
            returns.extend(self.launcher.launch(batch, initial_job_idx=len(returns)))
        failures = {
            " ".join(overrides): " ".join(str(ret._return_value).split())
            for overrides, ret in zip(jobs, returns, strict=True)
            if ret.status != JobStatus.COMPLETED
        }
        if failures:
            raise failures_of(failures, len(jobs))
        return returns
