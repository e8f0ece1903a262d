"""Observers: what is told about a training as it goes, such as the recorder of results, the progress, a probe.

Shapes: R replicates, T steps.
"""

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
    """The identity of a replicate.

    Attributes:
        run: the name of its run's folder.
        seed: its seed; a run has one replicate of each seed.
        parameters: its number of trained parameters.
    """

    run: str
    seed: int
    parameters: int


@dataclass(frozen=True)
class Beginning:
    """What is about to be trained: the members, from the given step on (0, or more if the training is resumed)."""

    members: Sequence[Member]
    plan: Plan
    step: int


@dataclass(frozen=True)
class Evaluation:
    """The scores of all replicates after a step.

    Attributes:
        epoch: epochs done.
        step: steps done.
        scores: by the part of the data (train, validation, test, test_batch_stats); each Score is of all replicates.
        seconds: spent in training so far, evaluation left out.
        images_per_second: of one replicate, since the last evaluation.
    """

    epoch: float
    step: int
    scores: dict[str, Score]
    seconds: float
    images_per_second: float


class Observer:
    """Is told about a training as it goes, in the training's thread. A subclass overrides what it wants to know.

    The replicates' axis R is in the order of the members.
    """

    def observations(self) -> Sequence[Observation]:
        """The values of layers that it wants from every step; `observed` gets them."""
        return ()

    def inspections(self) -> Sequence[Inspection]:
        """The measurements that it wants every so many steps; `inspected` gets them."""
        return ()

    def begin(self, beginning: Beginning) -> None:
        """All models are built; the first step comes next."""

    def trained(self, step: int, losses: Tensor) -> None:
        """T more steps are done, the last one being `step`; `losses` (T, R) are the mean losses of their batches."""

    def observed(self, step: int, values: Mapping[str, Tensor]) -> None:
        """The observations of these T steps, of all observers, by name: (T, R, ...) each."""

    def inspected(self, found: Inspected) -> None:
        """The results of one inspection, of all observers. The values of a diverged replicate mean nothing."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """All replicates were evaluated."""

    def diverged(self, replicate: int, step: int) -> None:
        """The loss of this replicate was not finite at this step, counted from 1. What follows of it does not count."""

    def end(self, error: BaseException | None) -> None:
        """The training is over: finished, or ended by the error (KeyboardInterrupt if the user has stopped it).

        Called even without a `begin`, if the models could not be built.
        """


class Observers(Observer):
    """Several observers as one. As a context manager it calls `end` of each, even if another one's `end` fails."""

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
