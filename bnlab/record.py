"""Writes what the training loop tells into the replicates' folders."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from torch import Tensor

from bnlab.store import ReplicateFolder
from bnlab.train import Evaluation


class _Record:
    """One replicate's rows so far."""

    def __init__(self, folder: ReplicateFolder) -> None:
        self.folder = folder
        self.metrics: list[tuple[object, ...]] = []
        self.timing: list[tuple[object, ...]] = []
        self.final: dict[str, float] = {}
        self.seconds = 0.0
        self.diverged_at: int | None = None


class Recorder:
    """An observer that keeps every replicate's files up to date.

    As a context manager it settles the states: done or diverged at a regular end, interrupted at Ctrl-C, failed at an
    error. `results` then holds each replicate's result.json.
    """

    def __init__(self, folders: Sequence[ReplicateFolder], environment: dict[str, Any]) -> None:
        self.results: list[dict[str, Any]] = []
        self._records = [_Record(folder) for folder in folders]
        self._environment = environment

    def __enter__(self) -> Recorder:
        for record in self._records:
            record.folder.write_config()
            self._write_result(record, "running")
            record.folder.log("training starts")
        return self

    def trained(self, step: int, losses: Tensor) -> None:
        """Nothing is written per step."""

    def evaluated(self, evaluation: Evaluation) -> None:
        epoch = int(evaluation.epoch) if evaluation.epoch.is_integer() else round(evaluation.epoch, 6)
        for index, record in enumerate(self._records):
            if record.diverged_at is not None:
                continue
            for split, score in evaluation.scores.items():
                loss, accuracy = score.loss(index), score.accuracy(index)
                record.metrics.append((epoch, evaluation.step, split, loss, accuracy))
                record.final |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
            record.seconds = evaluation.seconds
            timing = (f"{evaluation.seconds:.4f}", f"{evaluation.images_per_second:.1f}", len(self._records))
            record.timing.append((epoch, evaluation.step, *timing))
            record.folder.write_metrics(record.metrics)
            record.folder.write_timing(record.timing)

    def diverged(self, replicate: int, step: int) -> None:
        record = self._records[replicate]
        record.diverged_at = step
        record.folder.write_metrics(record.metrics)
        record.folder.write_timing(record.timing)
        record.folder.log(f"diverged: the loss is not finite at step {step}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for record in self._records:
            if record.diverged_at is not None:
                state = "diverged"
            elif error is None:
                state = "done"
            else:
                state = "failed" if isinstance(error, Exception) else "interrupted"
            reason = f"{type(error).__name__}: {error}" if state == "failed" else None
            self.results.append(self._write_result(record, state, reason))
            record.folder.log(state if reason is None else f"{state}: {reason}")

    def _write_result(self, record: _Record, state: str, error: str | None = None) -> dict[str, Any]:
        return record.folder.write_result(
            state,
            self._environment,
            diverged_at_step=record.diverged_at,
            error=error,
            final=record.final,
            seconds=round(record.seconds, 4),
        )
