"""The observer that stores results: it writes what the training loop tells into the replicates' folders."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnlab.engine import Beginning, Evaluation, Inspected, Observer
from bnlab.errors import StorageError
from bnlab.store import Company, Measured, Probed, ReplicateFolder, Result, Scored, State, Timed, answers_file


@dataclass
class _Rows:
    """The results of one replicate so far."""

    metrics: list[Scored] = field(default_factory=list)
    timing: list[Timed] = field(default_factory=list)
    final: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    diverged_at: int | None = None
    resumed_at: list[int] = field(default_factory=list)
    answers: bytes | None = None
    """Which test images were answered correctly, as bytes to be stored; known after the last evaluation."""
    measured: list[Measured] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """These results as plain values, which are all that a checkpoint can hold."""
        return vars(self) | {key: [*map(tuple, getattr(self, key))] for key in KINDS}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> _Rows:
        """The inverse of `plain`."""
        return cls(**{**plain, **{key: [kind(*row) for row in plain[key]] for key, kind in KINDS.items()}})


KINDS = {"metrics": Scored, "timing": Timed, "measured": Measured}
"""The types of the rows, which a checkpoint holds as plain tuples."""


class Recorder(Observer):
    """Keeps every replicate's files up to date.

    `end` sets the final states: done or diverged after a whole training, interrupted after Ctrl-C or if the disk is
    full, failed after an error. `results` then has each replicate's result.

    A replicate with a finished result (`rerun=true`) keeps its files until the new result is finished too.

    Args:
        folders: one per replicate; None for one that is trained only because it is in the stack and is not stored.
        environments: the environment to store with each result, by the folders' paths.
        company: the stack that they are trained in, to store with each result.
        command: the command that resumes.
        probed: the settings of the probes, which are the same for all.
    """

    def __init__(
        self,
        folders: Sequence[ReplicateFolder | None],
        environments: Mapping[Path, dict[str, Any]],
        company: Company,
        command: str | None = None,
        probed: Probed | None = None,
    ) -> None:
        self.results: dict[Path, Result] = {}
        self._folders = folders
        self._rows = [_Rows() for _ in folders]
        self._parameters: list[int | None] = [None for _ in folders]
        self._environments, self._company, self._command = environments, company, command
        self._probed = probed
        # The folders whose files are updated during the training.
        self._live = [folder if folder is not None and folder.finished() is None else None for folder in folders]

    def state(self) -> list[dict[str, Any]]:
        """What a checkpoint needs, as plain values."""
        return [rows.plain() for rows in self._rows]

    def load_state(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Restores the results from a checkpoint."""
        self._rows = [_Rows.of(rows) for rows in state]

    def begin(self, beginning: Beginning) -> None:
        self._parameters = [member.parameters for member in beginning.members]
        for index, (folder, live) in enumerate(zip(self._folders, self._live, strict=True)):
            rows = self._rows[index]
            if beginning.step:
                rows.resumed_at = [*rows.resumed_at, beginning.step]
            if folder is not None:
                folder.remove_leftovers()
                folder.log(f"training goes on from step {beginning.step}" if beginning.step else "training starts")
            if live is not None:
                self._write_result(index, live, State.RUNNING)

    def evaluated(self, evaluation: Evaluation) -> None:
        epoch = int(evaluation.epoch) if evaluation.epoch.is_integer() else round(evaluation.epoch, 6)
        for index, rows in enumerate(self._rows):
            if rows.diverged_at is not None:
                continue
            for split, score in evaluation.scores.items():
                loss, accuracy = score.loss(index), score.accuracy(index)
                rows.metrics.append(Scored(epoch, evaluation.step, split, loss, accuracy))
                rows.final |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
                if score.is_right is not None:
                    rows.answers = answers_file.packed(score.is_right[index].numpy())
            rows.seconds = evaluation.seconds
            timing = (f"{evaluation.seconds:.4f}", f"{evaluation.images_per_second:.1f}", len(self._rows))
            rows.timing.append(Timed(epoch, evaluation.step, *timing))
            self._write_rows(self._live[index], rows)

    def inspected(self, found: Inspected) -> None:
        columns = [(key, values.tolist()) for key, values in found.values.items()]
        for index, rows in enumerate(self._rows):
            if rows.diverged_at is None or found.step + 1 < rows.diverged_at:
                measured = ((key, values[index]) for key, values in columns)
                rows.measured += [Measured(found.step, *key, value) for key, value in measured if value == value]

    def diverged(self, replicate: int, step: int) -> None:
        rows, live = self._rows[replicate], self._live[replicate]
        rows.diverged_at = step
        self._write_rows(live, rows)
        if live is not None:
            live.log(f"diverged: the loss is not finite at step {step}")

    def end(self, error: BaseException | None) -> None:
        for index, folder in enumerate(self._folders):
            if folder is not None and error is None:
                self._settle(index, folder)
            elif folder is not None and error is not None:
                # If the disk is full, the state stays `running`, which without a process means interrupted too.
                with contextlib.suppress(StorageError):
                    self._settle_broken(index, folder, error)

    def _settle(self, index: int, folder: ReplicateFolder) -> None:
        rows = self._rows[index]
        state = State.DONE if rows.diverged_at is None else State.DIVERGED
        self._write_rows(folder, rows)
        folder.write_answers(rows.answers if state == State.DONE else None)
        folder.write_probes(rows.measured)
        self.results[folder.path] = self._write_result(index, folder, state)
        folder.log(state)

    def _settle_broken(self, index: int, folder: ReplicateFolder, error: BaseException) -> None:
        goes_on = isinstance(error, StorageError) or not isinstance(error, Exception)
        state, reason = State.INTERRUPTED if goes_on else State.FAILED, f"{type(error).__name__}: {error}"
        if folder in self._live:
            self.results[folder.path] = self._write_result(index, folder, state, None if goes_on else reason)
        elif not goes_on:
            self.results[folder.path] = Result(seed=folder.seed, state=state, error=reason)
        folder.log(state if goes_on else f"{state}: {reason}")

    @staticmethod
    def _write_rows(folder: ReplicateFolder | None, rows: _Rows) -> None:
        if folder is not None:
            folder.write_metrics(rows.metrics)
            folder.write_timing(rows.timing)

    def _write_result(self, index: int, folder: ReplicateFolder, state: State, error: str | None = None) -> Result:
        rows = self._rows[index]
        folder.write_config()
        return folder.write_result(
            Result(
                seed=folder.seed,
                state=state,
                diverged_at_step=rows.diverged_at,
                error=error,
                final=rows.final,
                seconds=round(rows.seconds, 4),
                parameters=self._parameters[index],
                resumed_at_steps=rows.resumed_at,
                command=self._command,
                environment=self._environments[folder.path],
                company=self._company,
                probed=self._probed,
            )
        )
