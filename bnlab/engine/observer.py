"""Whom a training tells what it does: a recorder, the progress, a tracker, a probe. Shapes: R replicates, T steps."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from torch import Tensor

from bnlab.engine.evaluation import Score
from bnlab.engine.look import Inspected, Inspection
from bnlab.engine.plan import Plan
from bnlab.lifting import Observation


@dataclass(frozen=True)
class Member:
    """Who a replicate of a training is.

    Attributes:
        run: its run, by the name of the run's folder.
        seed: its own within that run.
        parameters: how many numbers are trained in it.
    """

    run: str
    seed: int
    parameters: int


@dataclass(frozen=True)
class Beginning:
    """What is going to be trained: the members side by side, from a step on (0: from the start)."""

    members: Sequence[Member]
    plan: Plan
    step: int


@dataclass(frozen=True)
class Evaluation:
    """All replicates' scores after a step. Each Score holds one value per replicate."""

    epoch: float
    step: int
    scores: dict[str, Score]
    seconds: float  # spent in training so far, evaluation left out
    images_per_second: float  # of one replicate, since the last evaluation


class Observer:
    """Is told about a training as it goes, in the training's thread; one of your own overrides what it wants to know.

    A replicate is named by its place among the members.
    """

    def observations(self) -> Sequence[Observation]:
        """What each step is to show of the layers."""
        return ()

    def inspections(self) -> Sequence[Inspection]:
        """What is measured of the stack at every so many steps."""
        return ()

    def begin(self, beginning: Beginning) -> None:
        """All models are there; the first step comes next."""

    def trained(self, step: int, losses: Tensor) -> None:
        """The last T steps up to `step` are done; `losses` (T, R) are their batches'."""

    def observed(self, step: int, values: Mapping[str, Tensor]) -> None:
        """What the last T steps up to `step` have shown: (T, R, ...) by the names of all observers' observations."""

    def inspected(self, found: Inspected) -> None:
        """What all observers' inspections have found of all replicates; of one that has diverged, no matter what."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """All replicates were evaluated."""

    def diverged(self, replicate: int, step: int) -> None:
        """The loss of that replicate was not finite at that step (counted from 1); nothing after it counts."""

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes: all is trained, or the error (KeyboardInterrupt: the user) has ended it.

        It is told also where there was no `begin`, because the models could not be built.
        """


class Observers(Observer):
    """Tells several observers in turn. As a context manager it tells them the end, each one whatever the others do."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def __enter__(self) -> Observers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(error)

    def observations(self) -> Sequence[Observation]:
        return [each for observer in self._observers for each in observer.observations()]

    def inspections(self) -> Sequence[Inspection]:
        return [each for observer in self._observers for each in observer.inspections()]

    def begin(self, beginning: Beginning) -> None:
        for observer in self._observers:
            observer.begin(beginning)

    def trained(self, step: int, losses: Tensor) -> None:
        for observer in self._observers:
            observer.trained(step, losses)

    def observed(self, step: int, values: Mapping[str, Tensor]) -> None:
        for observer in self._observers:
            observer.observed(step, values)

    def inspected(self, found: Inspected) -> None:
        for observer in self._observers:
            observer.inspected(found)

    def evaluated(self, evaluation: Evaluation) -> None:
        for observer in self._observers:
            observer.evaluated(evaluation)

    def diverged(self, replicate: int, step: int) -> None:
        for observer in self._observers:
            observer.diverged(replicate, step)

    def end(self, error: BaseException | None) -> None:
        with contextlib.ExitStack() as told:
            for observer in reversed(self._observers):
                told.callback(observer.end, error)
