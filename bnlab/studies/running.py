"""Runs a plan: composes and checks its configurations, locks the study, and trains as `bnlab train -m` does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bnlab import hydra_bridge
from bnlab.config import RunConfig
from bnlab.errors import UserError
from bnlab.launch import Outcome, conditions_of, finished, plan_of, stored_outcomes
from bnlab.store import run_folder
from bnlab.studies import locking
from bnlab.studies.design import Cell
from bnlab.studies.locking import Locked
from bnlab.studies.metrics import Area, AtStep, Column, Lost, Metric, Probed
from bnlab.studies.planning import Plan


@dataclass(frozen=True)
class Prepared:
    """A plan with its checked configurations; nothing is locked or trained yet."""

    plan: Plan
    configs: Mapping[Cell, RunConfig]

    @property
    def runs_dir(self) -> Path:
        return Path(next(iter(self.configs.values())).runs_dir)

    @cached_property
    def trained(self) -> set[Path]:
        """The folders of the replicates that have a result; looked up once, at the first call."""
        return finished(list(self.configs.values()))

    @property
    def missing(self) -> int:
        """The number of replicates without a result; two cells of one configuration share theirs."""
        folders = {run_folder(config) for config in self.configs.values()}
        return len(folders) * self.plan.seeds - len(self.trained)


@dataclass(frozen=True)
class Trained:
    """A plan with its trained replicates, for each cell in the order of the seeds, and its lock."""

    plan: Plan
    outcomes: Mapping[Cell, Sequence[Outcome]]
    locked: Locked


def prepare(plan: Plan) -> Prepared:
    """Composes and checks the configurations of a plan.

    Raises:
        UserError: a setting is not allowed, or a metric needs a score that is never evaluated.
    """
    hydra_bridge.check_single(plan.typed)
    configs = hydra_bridge.configurations(list(plan.jobs.values()))
    prepared = Prepared(plan, dict(zip(plan.jobs, configs, strict=True)))
    _check_metrics(prepared)
    return prepared


def train(prepared: Prepared) -> Trained:
    """Locks the study, then trains the replicates that have no stored result.

    Raises:
        SweepFailedError: replicates failed.
        StorageError: the lock or results cannot be written.
        KeyboardInterrupt: the user interrupted it; the message has the command that resumes.
    """
    locked = locking.lock(prepared.runs_dir, prepared.plan.name, _said(prepared), len(prepared.trained))
    names = [str(cell) for cell in prepared.configs]
    outcomes = hydra_bridge.train_all(list(prepared.configs.values()), names, prepared.plan.command)
    return Trained(prepared.plan, dict(zip(prepared.configs, outcomes, strict=True)), locked)


def stored(prepared: Prepared) -> Trained | None:
    """The trained study, if all its results are stored and its lock is current, else None; writes nothing."""
    locked = locking.lock_of(prepared.runs_dir, prepared.plan.name, _said(prepared))
    if locked is None or prepared.missing:
        return None
    outcomes = stored_outcomes(list(prepared.configs.values()), prepared.trained)
    return Trained(prepared.plan, dict(zip(prepared.configs, outcomes, strict=True)), locked)


def _said(prepared: Prepared) -> dict[str, Any]:
    return prepared.plan.said(run_folder(config).name for config in prepared.configs.values())


def _check_metrics(prepared: Prepared) -> None:
    """Raises UserError for a metric that needs a score which is never evaluated."""
    for name, hypothesis in prepared.plan.study.hypotheses.items():
        arms = {arm for arm, _ in hypothesis.places()}
        for cell, config in prepared.configs.items():
            if cell.arm in arms:
                _check_metric(f"hypothesis {name}: {cell}", hypothesis.metric, config)


def _check_metric(who: str, metric: Metric, config: RunConfig) -> None:
    columns = [value.name for value in vars(metric).values() if isinstance(value, Column)]
    if config.data.validation_size == 0 and any(column.startswith("validation") for column in columns):
        raise UserError(f"{who}: data.validation_size=0 leaves no {metric}; hold some images out, or use test images")
    if isinstance(metric, Area) and len(list(itertools.islice(plan_of(config).stops(), 2))) < 2:
        raise UserError(f"{who} is evaluated once, and an area needs two points; set eval_every")
    if isinstance(metric, Probed) and metric.probe not in config.probes.names:
        raise UserError(f"{who}: the probe {metric.probe} is not asked for; add probes.names=[{metric.probe}]")
    if isinstance(metric, Lost):
        conditions_of(metric.shifts, "stored", None, "running")
        if not config.keep_checkpoint:
            raise UserError(f"{who}: no weights are kept for {metric}; add keep_checkpoint=true")
    if isinstance(metric, AtStep) and not plan_of(config).is_stop(metric.step):
        raise UserError(
            f"{who} is not evaluated at step {metric.step} (of {plan_of(config).total_steps}); set eval_every to a "
            "number that divides it, or take a step that is"
        )
