"""`tracker=mlflow`: an MLflow run per replicate, in mlflow.db in runs_dir, or at MLFLOW_TRACKING_URI if that is set."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnlab.store import State
from bnlab.trackers.tracker import Tracked

FILE = "mlflow.db"
EXPERIMENT = "bnlab"
GROUP, REPLICATE = "bnlab.run", "bnlab.replicate"
"""Names of tags: GROUP has the same value in all runs of an arm, REPLICATE another one in each run."""
MOST_METRICS, MOST_PARAMS, LONGEST_PARAM = 1000, 100, 500
"""MLflow's limits: metrics and parameters per request, and characters of a parameter's value."""
EVERY = 10.0
"""Least time between two transmissions, in seconds."""
SHARE = 0.01
"""Largest share of the time that transmissions may take. A transaction per run takes 6 ms, whatever it contains."""
STATUS = {State.DONE: "FINISHED", State.INTERRUPTED: "KILLED"}
"""MLflow's status for an ending; for all others it is FAILED."""


@dataclass
class _Run:
    """An MLflow run: its id, and the metrics that are not sent yet."""

    id: str
    metrics: list[Any] = field(default_factory=list)


class MLflow:
    """Collects values and sends them together, every ten seconds or more and at the end."""

    def __init__(self, runs_dir: Path) -> None:
        for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"):
            os.environ.setdefault(name, "true")
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # else they log every table that they create
        runs_dir.mkdir(parents=True, exist_ok=True)
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(runs_dir / FILE).absolute()}"
        self._metric, self._param = Metric, Param
        self._client = MlflowClient(uri)
        self._experiment = self._experiment_of(os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT)
        self._runs: dict[Tracked, _Run] = {}
        self._next = time.monotonic() + EVERY

    def begin(self, tracked: Tracked, step: int) -> None:
        self._runs[tracked] = _Run((self._before(tracked) if step else None) or self._create(tracked))

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        run, now = self._runs[tracked], int(time.time() * 1000)
        run.metrics += [self._metric(name, value, now, step) for name, value in values.items()]
        if time.monotonic() > self._next:
            start = time.thread_time()
            for each in self._runs.values():
                self._send(each)
            self._next = time.monotonic() + max(EVERY, (time.thread_time() - start) / SHARE)

    def end(self, tracked: Tracked, ending: State) -> None:
        run = self._runs.pop(tracked)
        self._send(run)
        self._client.set_tag(run.id, "bnlab.ending", ending.value)
        self._client.set_terminated(run.id, STATUS.get(ending, "FAILED"))

    def close(self) -> None:
        pass

    def _send(self, run: _Run) -> None:
        for start in range(0, len(run.metrics), MOST_METRICS):
            self._client.log_batch(run.id, metrics=run.metrics[start : start + MOST_METRICS])
        run.metrics = []

    def _experiment_of(self, name: str) -> str:
        """The id of an experiment, created if it is missing; another process may create it at the same time."""
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
        """The id of the newest run of this replicate, set to RUNNING, to resume it; None if there is none."""
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
