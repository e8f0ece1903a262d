"""The one training loop. Shapes: R replicates, T steps of a chunk."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from bnlab.data import Split
from bnlab.engine.evaluation import Score, sum_of_losses
from bnlab.engine.observer import Beginning, Evaluation, Observer
from bnlab.engine.plan import Plan
from bnlab.engine.shard import (
    Replicate,
    Shard,
    collect,
    collect_inspected,
    collect_observed,
    collect_scores,
    deal,
    number_of_shards,
)
from bnlab.engine.step import Say
from bnlab.engine.team import Team
from bnlab.machine import keep_freed_memory


class Keeper(Protocol):
    """Keeps a training's state, so that another process can go on with it: `bnlab.launch.checkpoints`."""

    def load(self) -> Mapping[str, Any] | None:
        """The state to go on from; None: from the start."""

    def offer(self, step: int, state: Callable[[], dict[str, Any]], *, evaluated: bool) -> None:
        """May keep the state after a step, or keep it and raise KeyboardInterrupt."""


def train(
    replicates: Sequence[Replicate],
    data: Split,
    plan: Plan,
    device: torch.device,
    observer: Observer,
    *,
    threads: int = 1,
    compiled: bool = False,
    keeper: Keeper | None = None,
    say: Say = warnings.warn,
) -> None:
    """Trains all replicates side by side to the end of the plan, or until every one has diverged.

    Their plain models hold the trained weights afterwards. `compiled` compiles the step on full batches, which takes
    half a minute at the start and makes the steps faster; `say` is told, in a line, if that fails. With a `keeper` it
    goes on from what that kept: every number is then the same to the bit as if it had never stopped, on one machine
    with one number of threads.
    """
    keep_freed_memory()
    state = keeper.load() if keeper is not None else None
    count = number_of_shards(replicates, threads, device) if state is None else len(state["shards"])
    observations = observer.observations()
    inspections, members = observer.inspections(), deal(range(len(replicates)), count)
    shards = [
        Shard(
            share,
            data,
            plan,
            device,
            compiled=compiled,
            say=say,
            observations=observations,
            inspections=inspections,
            members=places,
        )
        for share, places in zip(deal(replicates, count), members, strict=True)
    ]
    training = _Training(shards, len(replicates))
    if state is not None:
        training.load_state(state)
    observer.begin(Beginning([each.member() for each in replicates], plan, training.step))
    with Team(min(count, threads), threads) as team:
        _train(training, team, plan, observer, keeper)
    for shard in shards:
        shard.lower()


class _Training:
    """All that changes from step to step: the shards, and what is counted of them together."""

    def __init__(self, shards: Sequence[Shard], replicates: int) -> None:
        self.shards = shards
        self.alive = torch.ones(replicates, dtype=torch.bool)
        self.step, self.seconds = 0, 0.0
        self.start_lap()

    def start_lap(self) -> None:
        """From one evaluation to the next."""
        self.total, self.lap = Score.zeros(len(self.alive)), 0.0

    def state(self) -> dict[str, Any]:
        """Tensors and plain values; the tensors go on changing."""
        return {
            "shards": [shard.state() for shard in self.shards],
            "alive": self.alive,
            "step": self.step,
            "seconds": self.seconds,
            "lap": self.lap,
            "total": vars(self.total),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        for shard, its_state in zip(self.shards, state["shards"], strict=True):
            shard.load_state(its_state)
        self.alive, self.step = state["alive"], state["step"]
        self.seconds, self.lap, self.total = state["seconds"], state["lap"], Score(**state["total"])


def _train(training: _Training, team: Team, plan: Plan, observer: Observer, keeper: Keeper | None) -> None:
    for stop in plan.stops():
        if stop <= training.step:
            continue  # before what was loaded
        while training.step < stop:
            _train_chunk(training, team, stop, observer)
            if not training.alive.any():
                return
            if keeper is not None and training.step < stop:
                keeper.offer(training.step, training.state, evaluated=False)
        _evaluate(training, team, plan, observer)
        if keeper is not None and stop < plan.total_steps:
            keeper.offer(stop, training.state, evaluated=True)


def _train_chunk(training: _Training, team: Team, stop: int, observer: Observer) -> None:
    """Trains the next steps, none after `stop`."""
    began = time.perf_counter()
    most = min(stop - training.step, *(shard.steps_at_once for shard in training.shards))
    results = team.together([partial(shard.train, most, team.is_given_up) for shard in training.shards])
    losses = collect([chunk.losses for chunk in results])
    training.total += collect_scores([chunk.score for chunk in results])
    training.step += len(losses)
    training.lap += time.perf_counter() - began
    _tell_divergence(losses, training.step - len(losses), training.alive, observer)
    observer.trained(training.step, losses)
    if observed := collect_observed(results):
        observer.observed(training.step, observed)
    for found in collect_inspected(results):
        observer.inspected(found)


def _evaluate(training: _Training, team: Team, plan: Plan, observer: Observer) -> None:
    training.seconds += training.lap
    results = team.together([shard.evaluate for shard in training.shards])
    scores = {"train": training.total}
    scores |= {name: collect_scores([each[name] for each in results]) for name in results[0]}
    # A last step may leave weights that are finite on no held-out image, before any batch has shown it.
    _tell_divergence(sum_of_losses(scores.values()).unsqueeze(0), training.step - 1, training.alive, observer)
    rate = training.total.images / training.lap
    observer.evaluated(Evaluation(plan.epoch(training.step), training.step, scores, training.seconds, rate))
    training.start_lap()


def _tell_divergence(losses: Tensor, steps_before: int, alive: Tensor, observer: Observer) -> None:
    """Marks the replicates whose loss, in `losses` (T, R), is not finite somewhere."""
    broken = ~losses.isfinite().cpu()
    for replicate in (broken.any(0) & alive).nonzero().flatten().tolist():
        alive[replicate] = False
        observer.diverged(replicate, steps_before + 1 + int(broken[:, replicate].nonzero()[0]))
