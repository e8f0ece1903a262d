"""`tracker=mlflow`: a run of MLflow's per replicate, in mlflow.db in runs_dir, or where MLFLOW_TRACKING_URI says."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnlab.trackers.tracker import Ending, Tracked

FILE = "mlflow.db"
EXPERIMENT = "bnlab"
GROUP, REPLICATE = "bnlab.run", "bnlab.replicate"
"""Tags: the runs of one arm share the first, and the second tells a replicate from all others."""
MOST_METRICS, MOST_PARAMS, LONGEST_PARAM = 1000, 100, 500
"""That MLflow takes at a time; characters of a parameter's value."""
EVERY = 10.0
"""Seconds from one transaction of a run to the next: each takes 6 ms, whatever is in it."""
STATUS = {Ending.DONE: "FINISHED", Ending.INTERRUPTED: "KILLED"}
"""What MLflow calls an ending; the others have FAILED."""


@dataclass
class _Run:
    """A run of MLflow's, with what it is still to be sent, and when it was last sent something."""

    id: str
    metrics: list[Any] = field(default_factory=list)
    sent_at: float = field(default_factory=time.monotonic)


class MLflow:
    """Values are sent together, every few seconds and at the end."""

    def __init__(self, runs_dir: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # they tell of every table that they make
        runs_dir.mkdir(parents=True, exist_ok=True)
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(runs_dir / FILE).absolute()}"
        self._metric, self._param = Metric, Param
        self._client = MlflowClient(uri)
        self._experiment = self._experiment_of(os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT)
        self._runs: dict[Tracked, _Run] = {}

    def begin(self, tracked: Tracked, step: int) -> None:
        self._runs[tracked] = _Run((self._before(tracked) if step else None) or self._create(tracked))

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        run, now = self._runs[tracked], int(time.time() * 1000)
        run.metrics += [self._metric(name, value, now, step) for name, value in values.items()]
        if time.monotonic() > run.sent_at + EVERY:
            self._send(run)

    def end(self, tracked: Tracked, ending: Ending) -> None:
        run = self._runs.pop(tracked)
        self._send(run)
        self._client.set_tag(run.id, "bnlab.ending", ending.value)
        self._client.set_terminated(run.id, STATUS.get(ending, "FAILED"))

    def close(self) -> None:
        pass

    def _send(self, run: _Run) -> None:
        for start in range(0, len(run.metrics), MOST_METRICS):
            self._client.log_batch(run.id, metrics=run.metrics[start : start + MOST_METRICS])
        run.metrics, run.sent_at = [], time.monotonic()

    def _experiment_of(self, name: str) -> str:
        """Made if it is not there; another process may do so at the same time."""
        from mlflow.exceptions import MlflowException

        for _ in range(2):
            found = self._client.get_experiment_by_name(name)
            if found is not None:
                return str(found.experiment_id)
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                continue
        return str(self._client.get_experiment_by_name(name).experiment_id)

    def _before(self, tracked: Tracked) -> str | None:
        """The run in which the training was begun."""
        of_it = f"tags.`{REPLICATE}` = '{tracked.name}'"
        newest_first = ["attributes.start_time DESC"]
        for run in self._client.search_runs([self._experiment], of_it, order_by=newest_first, max_results=1):
            self._client.update_run(run.info.run_id, status="RUNNING")
            return str(run.info.run_id)
        return None

    def _create(self, tracked: Tracked) -> str:
        tags = {GROUP: tracked.arm, REPLICATE: tracked.name}
        run = self._client.create_run(self._experiment, run_name=tracked.name, tags=tags)
        params = [self._param(name, str(value)[:LONGEST_PARAM]) for name, value in tracked.settings.items()]
        for start in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(run.info.run_id, params=params[start : start + MOST_PARAMS])
        return str(run.info.run_id)
