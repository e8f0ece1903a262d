"""The one training loop. Shapes: R replicates, N batch, U distinct seeds, K classes, T steps of a chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bnlab.data import Split
from bnlab.data.stream import BatchStream, distinct_seeds
from bnlab.denormals import flushed
from bnlab.evaluate import Score, evaluate, evaluate_on_batch_statistics, score_batches, sum_of_losses
from bnlab.memory import keep_freed_memory
from bnlab.optim import Hyperparameters, StackOptimizer
from bnlab.population import compute_population
from bnlab.stack import lift, lower, owned_parameters
from bnlab.step import Step


@dataclass(frozen=True)
class Replicate:
    """One seed of a run, ready to train."""

    model: nn.Module
    seed: int
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class Plan:
    """How long to train, on what batches, and when to look. What all replicates of a stack share."""

    batch_size: int
    drop_last: bool
    steps_per_epoch: int
    total_steps: int
    eval_every: int | None

    def stops(self) -> Iterator[int]:
        """The steps after which the stack is evaluated: each epoch's end, every `eval_every` steps, and the last."""
        for step in range(1, self.total_steps + 1):
            epoch_ends = step % self.steps_per_epoch == 0
            if epoch_ends or step == self.total_steps or (self.eval_every and step % self.eval_every == 0):
                yield step

    def epoch(self, step: int) -> float:
        """Epochs done after a step; a fraction in the middle of one."""
        return step / self.steps_per_epoch


@dataclass(frozen=True)
class Evaluation:
    """All replicates' scores after a step. Each Score holds one value per replicate."""

    epoch: float
    step: int
    scores: dict[str, Score]
    seconds: float  # spent in training so far, evaluation left out
    images_per_second: float  # of one replicate, since the last evaluation


class Observer(Protocol):
    """Told about the training as it goes."""

    def trained(self, step: int, losses: Tensor) -> None:
        """Steps are done up to `step`; `losses` (R,) are the last batch's."""

    def evaluated(self, evaluation: Evaluation) -> None: ...

    def diverged(self, replicate: int, step: int) -> None:
        """The loss of that replicate was not finite at that step (counted from 1); nothing more is told of it."""


class Keeper(Protocol):
    """Keeps a training's state, so that another process can go on with it. See `bnlab.checkpoint`."""

    def load(self) -> Mapping[str, Any] | None:
        """The state to go on from; None: from the start."""

    def offer(self, step: int, state: Callable[[], dict[str, Any]], *, evaluated: bool) -> None:
        """May keep the state after a step, or keep it and raise KeyboardInterrupt."""


def train(
    replicates: Sequence[Replicate],
    data: Split,
    plan: Plan,
    device: torch.device,
    observers: Sequence[Observer],
    *,
    compiled: bool = False,
    keeper: Keeper | None = None,
) -> None:
    """Trains all replicates side by side to the end of the plan, or until every one has diverged.

    Their plain models hold the trained weights afterwards. `compiled` compiles the step on full batches, which takes
    half a minute at the start and makes the steps faster. With a `keeper` it goes on from what that kept: every number
    is then the same to the bit as if it had never stopped, on one machine with one number of threads.
    """
    keep_freed_memory()
    seeds = [replicate.seed for replicate in replicates]
    takes = [distinct_seeds(seeds).index(seed) for seed in seeds]
    stack = lift([replicate.model for replicate in replicates], takes).to(device)
    training = _Training(stack, replicates, data, plan, device)
    state = keeper.load() if keeper is not None else None
    if state is not None:
        training.load_state(state)
    run_batch = Step(stack, training.parameters, plan.batch_size, plan.total_steps, compiled=compiled)
    with flushed():
        _train_stack(training, data, plan, device, observers, run_batch, keeper)
    lower(stack)


class _Training:
    """All that changes from step to step."""

    def __init__(
        self, stack: nn.Module, replicates: Sequence[Replicate], data: Split, plan: Plan, device: torch.device
    ) -> None:
        hyperparameters = [replicate.hyperparameters for replicate in replicates]
        dtype, seeds = next(stack.parameters()).dtype, [replicate.seed for replicate in replicates]
        self.stack = stack
        owned = [each for each in owned_parameters(stack) if each.tensor.requires_grad]
        self.parameters = [each.tensor for each in owned]
        self.optimizer = StackOptimizer(owned, hyperparameters, plan.total_steps, plan.steps_per_epoch)
        self.batches = BatchStream(data, seeds, plan.batch_size, plan.drop_last, device, dtype)
        self.alive = torch.ones(len(replicates), dtype=torch.bool)
        self.step, self.seconds = 0, 0.0
        self.start_lap()

    def start_lap(self) -> None:
        """From one evaluation to the next."""
        self.total, self.lap = Score.zeros(len(self.alive)), 0.0

    def state(self) -> dict[str, Any]:
        """Tensors and plain values; the tensors go on changing."""
        return {
            "stack": self.stack.state_dict(),
            "optimizer": self.optimizer.state(),
            "batches": self.batches.state(),
            "alive": self.alive,
            "step": self.step,
            "seconds": self.seconds,
            "lap": self.lap,
            "total": vars(self.total),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.stack.load_state_dict(state["stack"])
        self.optimizer.load_state(state["optimizer"])
        self.batches.load_state(state["batches"])
        self.alive, self.step = state["alive"], state["step"]
        self.seconds, self.lap, self.total = state["seconds"], state["lap"], Score(**state["total"])


def _train_stack(
    training: _Training,
    data: Split,
    plan: Plan,
    device: torch.device,
    observers: Sequence[Observer],
    run_batch: Step,
    keeper: Keeper | None,
) -> None:
    stack = training.stack
    for stop in plan.stops():
        if stop <= training.step:
            continue  # before what was loaded
        while training.step < stop:
            began = time.perf_counter()
            chunk = training.batches.take(stop - training.step)
            outputs: list[Tensor] = []
            for pixels, labels in chunk:
                log_probabilities, gradients = run_batch(pixels, labels)
                training.optimizer.step(training.step + len(outputs), gradients)
                outputs.append(log_probabilities)
                del gradients  # so that the next step's take their place, which is still in the processor's cache
            score, losses = score_batches(outputs, [labels for _, labels in chunk])
            training.total += score
            training.lap += time.perf_counter() - began
            _tell_divergence(losses, training.step, training.alive, observers)
            training.step += len(chunk)
            for observer in observers:
                observer.trained(training.step, losses[-1])
            if not training.alive.any():
                return
            if keeper is not None and training.step < stop:
                keeper.offer(training.step, training.state, evaluated=False)
        training.seconds += training.lap
        compute_population(stack, data, plan.batch_size, device)
        scores = {"train": training.total}
        if data.validation is not None:
            scores["validation"] = evaluate(stack, data, data.validation, device)
        scores["test"] = evaluate(stack, data, data.test, device)
        step = training.step
        if step == plan.total_steps:
            scores["test_batch_stats"] = evaluate_on_batch_statistics(stack, data, plan.batch_size, device)
        # A last step may leave weights that are finite on no held-out image, before any batch has shown it.
        _tell_divergence(sum_of_losses(scores.values()).unsqueeze(0), step - 1, training.alive, observers)
        rate = training.total.images / training.lap
        evaluation = Evaluation(plan.epoch(step), step, scores, training.seconds, rate)
        for observer in observers:
            observer.evaluated(evaluation)
        training.start_lap()
        if keeper is not None and step < plan.total_steps:
            keeper.offer(step, training.state, evaluated=True)


def _tell_divergence(losses: Tensor, steps_before: int, alive: Tensor, observers: Sequence[Observer]) -> None:
    """Marks the replicates whose loss, in `losses` (T, R), is not finite somewhere."""
    broken = ~losses.isfinite().cpu()
    for replicate in (broken.any(0) & alive).nonzero().flatten().tolist():
        alive[replicate] = False
        for observer in observers:
            observer.diverged(replicate, steps_before + 1 + int(broken[:, replicate].nonzero()[0]))
