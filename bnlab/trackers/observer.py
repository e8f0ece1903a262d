"""Passes what happens in the training of a stack on to one tracker. Shapes: R replicates."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from bnlab.engine import Beginning, Evaluation, Inspected, Observer
from bnlab.store import State
from bnlab.trackers.tracker import Tracked, Tracker

Message = Callable[[Tracker], Iterator[None]]
"""Calls a tracker's methods, in the tracker's thread; yields after each, which shows that the tracker still works."""


class Put(Protocol):
    """Hands a message to the tracker's thread, and returns at once.

    A message that can be lost is dropped if too many are waiting.
    """

    def __call__(self, message: Message, *, can_be_lost: bool = False) -> None: ...


class Tracking(Observer):
    """Observes a stack for one tracker. The tracker's slow methods are called by messages, in its own thread.

    Args:
        members: the replicates of the stack that are tracked, by their index in it.
        put: takes the messages.
    """

    def __init__(self, members: Mapping[int, Tracked], put: Put) -> None:
        self._members, self._put = members, put
        self._diverged: dict[int, int] = {}
        self._begun = False

    def begin(self, beginning: Beginning) -> None:
        self._begun = True
        self._put(functools.partial(_begin, self._members.values(), beginning.step))

    def evaluated(self, evaluation: Evaluation) -> None:
        of_all: dict[str, list[float]] = {}
        for split, score in evaluation.scores.items():
            of_all[f"{split}/loss"] = (score.loss_sum / score.images).tolist()
            of_all[f"{split}/accuracy"] = (score.correct / score.images).tolist()
        shared = {"epoch": evaluation.epoch, "images_per_second": evaluation.images_per_second}
        alive = {index: member for index, member in self._members.items() if index not in self._diverged}
        self._put(functools.partial(_log, alive, evaluation.step, of_all, shared), can_be_lost=True)

    def inspected(self, found: Inspected) -> None:
        of_all = {f"probe/{'/'.join(key)}": values.tolist() for key, values in found.values.items()}
        alive = {
            index: member
            for index, member in self._members.items()
            if index not in self._diverged or found.step + 1 < self._diverged[index]
        }
        self._put(functools.partial(_log, alive, found.step, of_all, {}), can_be_lost=True)

    def diverged(self, replicate: int, step: int) -> None:
        self._diverged[replicate] = step

    def end(self, error: BaseException | None) -> None:
        if self._begun:
            endings = {member: self._ending(index, error) for index, member in self._members.items()}
            self._put(functools.partial(_end, endings))

    def _ending(self, index: int, error: BaseException | None) -> State:
        if error is not None:
            return State.FAILED if isinstance(error, Exception) else State.INTERRUPTED
        return State.DIVERGED if index in self._diverged else State.DONE


def _begin(members: Iterable[Tracked], step: int, tracker: Tracker) -> Iterator[None]:
    for member in members:
        tracker.begin(member, step)
        yield


def _log(
    members: Mapping[int, Tracked],
    step: int,
    of_all: Mapping[str, Sequence[float]],
    shared: Mapping[str, float],
    tracker: Tracker,
) -> Iterator[None]:
    """Logs values of each member.

    Args:
        members: replicates by their index in the stack.
        step: the step of training.
        of_all: for each name R values; NaN means that a replicate has no such value.
        shared: values that are the same for all replicates.
        tracker: the tracker.
    """
    for index, member in members.items():
        own = {name: values[index] for name, values in of_all.items()}
        tracker.log(member, step, {**shared, **{name: value for name, value in own.items() if value == value}})
        yield


def _end(endings: Mapping[Tracked, State], tracker: Tracker) -> Iterator[None]:
    for member, ending in endings.items():
        tracker.end(member, ending)
        yield
