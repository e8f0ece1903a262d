"""The training loop: trains many replicates side by side, evaluates them and tells an observer.

The steps between two evaluations are done in chunks, whose batches are gathered at once. Shapes: R replicates, T steps
of a chunk.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from bnlab.data import Split
from bnlab.engine.dealing import (
    collect,
    collect_inspected,
    collect_observed,
    collect_scores,
    deal,
    number_of_shards,
)
from bnlab.engine.evaluation import Score, sum_of_losses
from bnlab.engine.observer import Beginning, Evaluation, Observer
from bnlab.engine.plan import Plan
from bnlab.engine.shard import Replicate, Shard
from bnlab.engine.step import Warn
from bnlab.engine.team import Team
from bnlab.machine import keep_freed_memory


class Checkpointer(Protocol):
    """Saves the state of a training, so that another process can resume it. `bnlab.launch.checkpoints` has the one."""

    def load(self) -> Mapping[str, Any] | None:
        """The state to resume from; None: train from the start."""

    def offer(self, step: int, state: Callable[[], dict[str, Any]], *, evaluated: bool) -> None:
        """Decides whether to save the state after this step; `state()` makes it.

        Raises:
            KeyboardInterrupt: the user has asked to stop; the state is saved before.
        """


def train(
    replicates: Sequence[Replicate],
    data: Split,
    plan: Plan,
    device: torch.device,
    observer: Observer,
    *,
    threads: int = 1,
    compiled: bool = False,
    checkpointer: Checkpointer | None = None,
    warn: Warn = warnings.warn,
) -> None:
    """Trains all replicates side by side to the end of the plan, or until every one has diverged.

    Their plain models hold the trained weights afterwards.

    Args:
        replicates: what to train; their models are of one shape.
        data: the images of all parts.
        plan: how long to train, and when to evaluate.
        device: where to train.
        observer: is told of everything that happens.
        threads: CPU threads, for all shards together.
        compiled: compile the step on full batches: half a minute at the start, and faster steps.
        checkpointer: where to resume from, and what saves checkpoints. A resumed training gives the same numbers to the
            bit as one that never stopped, on the same machine with the same number of threads.
        warn: is called with one line of text if the steps are slower than expected, for example if compiling fails.
    """
    keep_freed_memory()
    state = checkpointer.load() if checkpointer is not None else None
    if state is None:
        dtype = next(replicates[0].model.parameters()).dtype
        images = data.scaling.to_float(data.train.images[: plan.batch_size], dtype)
        count = number_of_shards(replicates, threads, device, images)
    else:
        count = len(state["shards"])
    observations = observer.observations()
    inspections, members = observer.inspections(), deal(range(len(replicates)), count)
    shards = [
        Shard(
            share,
            data,
            plan,
            device,
            compiled=compiled,
            warn=warn,
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
        _train(training, team, plan, observer, checkpointer)
    for shard in shards:
        shard.lower()


class _Training:
    """The state of a training: its shards, and the counters and scores that they have in common."""

    def __init__(self, shards: Sequence[Shard], replicates: int) -> None:
        self.shards = shards
        self.alive = torch.ones(replicates, dtype=torch.bool)
        self.step, self.seconds = 0, 0.0
        self.start_lap()

    def start_lap(self) -> None:
        """Resets the score and the time that are counted since the last evaluation."""
        self.total, self.lap = Score.zeros(len(self.alive)), 0.0

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, as tensors and plain values. The tensors are no copies: training changes them."""
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


def _train(training: _Training, team: Team, plan: Plan, observer: Observer, checkpointer: Checkpointer | None) -> None:
    for stop in plan.stops():
        if stop <= training.step:
            continue  # a resumed training has passed it already
        while training.step < stop:
            _train_chunk(training, team, stop, observer)
            if not training.alive.any():
                return
            if checkpointer is not None and training.step < stop:
                checkpointer.offer(training.step, training.state, evaluated=False)
        _evaluate(training, team, plan, observer)
        if checkpointer is not None and stop < plan.total_steps:
            checkpointer.offer(stop, training.state, evaluated=True)


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
    # The last step may have broken the weights: no training batch shows that any more, but the held-out images do.
    _tell_divergence(sum_of_losses(scores.values()).unsqueeze(0), training.step - 1, training.alive, observer)
    rate = training.total.images / training.lap
    observer.evaluated(Evaluation(plan.epoch(training.step), training.step, scores, training.seconds, rate))
    training.start_lap()


def _tell_divergence(losses: Tensor, steps_before: int, alive: Tensor, observer: Observer) -> None:
    """Marks as diverged each replicate with a loss that is not finite.

    `losses` (T, R) are those of the T steps after the first `steps_before`.
    """
    broken = ~losses.isfinite().cpu()
    for replicate in (broken.any(0) & alive).nonzero().flatten().tolist():
        alive[replicate] = False
        observer.diverged(replicate, steps_before + 1 + int(broken[:, replicate].nonzero()[0]))
