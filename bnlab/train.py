"""The one training loop. Shapes: R replicates, N batch, U distinct seeds, K classes, T steps of a chunk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Split
from bnlab.data.stream import BatchStream, distinct_seeds
from bnlab.evaluate import Score, evaluate, evaluate_on_batch_statistics, score_batches, sum_of_losses
from bnlab.memory import keep_freed_memory
from bnlab.optim import Hyperparameters, StackOptimizer
from bnlab.stack import lift, lower, owned_parameters


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


def train(
    replicates: Sequence[Replicate],
    data: Split,
    plan: Plan,
    device: torch.device,
    observers: Sequence[Observer],
    *,
    compiled: bool = False,
) -> None:
    """Trains all replicates side by side to the end of the plan, or until every one has diverged.

    Their plain models hold the trained weights afterwards. `compiled` compiles the step on full batches, which takes
    half a minute at the start and makes the steps faster.
    """
    keep_freed_memory()
    seeds = [replicate.seed for replicate in replicates]
    takes = [distinct_seeds(seeds).index(seed) for seed in seeds]
    stack = lift([replicate.model for replicate in replicates], takes).to(device)
    _train_stack(stack, replicates, data, plan, device, observers, compiled)
    lower(stack)


def _train_stack(
    stack: nn.Module,
    replicates: Sequence[Replicate],
    data: Split,
    plan: Plan,
    device: torch.device,
    observers: Sequence[Observer],
    compiled: bool,
) -> None:
    hyperparameters = [replicate.hyperparameters for replicate in replicates]
    parameters = [owned for owned in owned_parameters(stack) if owned.tensor.requires_grad]
    optimizer = StackOptimizer(parameters, hyperparameters, plan.total_steps, plan.steps_per_epoch)
    run_batch = _Step(stack, [owned.tensor for owned in parameters], plan.batch_size, compiled)
    dtype = next(stack.parameters()).dtype
    batches = BatchStream(data, [r.seed for r in replicates], plan.batch_size, plan.drop_last, device, dtype)
    alive = torch.ones(len(replicates), dtype=torch.bool)
    step, seconds = 0, 0.0
    for stop in plan.stops():
        total, began = Score.zeros(len(replicates)), time.perf_counter()
        while step < stop:
            chunk = batches.take(stop - step)
            logits: list[Tensor] = []
            for pixels, labels in chunk:
                output, gradients = run_batch(pixels, labels)
                optimizer.step(step + len(logits), gradients)
                logits.append(output)
            score, losses = score_batches(logits, [labels for _, labels in chunk])
            total += score
            _tell_divergence(losses, step, alive, observers)
            step += len(chunk)
            for observer in observers:
                observer.trained(step, losses[-1])
            if not alive.any():
                return
        lap = time.perf_counter() - began
        seconds += lap
        scores = {"train": total}
        if data.validation is not None:
            scores["validation"] = evaluate(stack, data, data.validation, device)
        scores["test"] = evaluate(stack, data, data.test, device)
        if step == plan.total_steps:
            scores["test_batch_stats"] = evaluate_on_batch_statistics(stack, data, plan.batch_size, device)
        # A last step may leave weights that are finite on no held-out image, before any batch has shown it.
        _tell_divergence(sum_of_losses(scores.values()).unsqueeze(0), step - 1, alive, observers)
        evaluation = Evaluation(plan.epoch(step), step, scores, seconds, total.images / lap)
        for observer in observers:
            observer.evaluated(evaluation)


def _tell_divergence(losses: Tensor, steps_before: int, alive: Tensor, observers: Sequence[Observer]) -> None:
    """Marks the replicates whose loss, in `losses` (T, R), is not finite somewhere."""
    broken = ~losses.isfinite().cpu()
    for replicate in (broken.any(0) & alive).nonzero().flatten().tolist():
        alive[replicate] = False
        for observer in observers:
            observer.diverged(replicate, steps_before + 1 + int(broken[:, replicate].nonzero()[0]))


class _Step:
    """Forward and backward pass of the stack on one batch."""

    def __init__(self, stack: nn.Module, parameters: Sequence[Tensor], batch_size: int, compiled: bool) -> None:
        self._stack, self._parameters, self._batch_size = stack, parameters, batch_size
        if compiled:
            torch.compiler.reset()  # the programs of earlier stacks count against a limit of compilations
        self._compiled = torch.compile(_loss, dynamic=False) if compiled else None
        self._share: dict[int, Tensor] = {}

    def __call__(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """From pixels (U, N, ...) and labels (R, N): the logits (R, N, K), and the parameters' gradients."""
        samples = labels.shape[1]
        # An epoch's last, smaller batch is not worth a compilation of its own.
        loss_of = self._compiled if self._compiled is not None and samples == self._batch_size else _loss
        loss, logits = loss_of(self._stack, pixels, labels)
        if samples not in self._share:
            self._share[samples] = torch.full_like(loss, 1 / samples)
        gradients = torch.autograd.grad(loss, self._parameters, self._share[samples], materialize_grads=True)
        return logits, gradients


def _loss(stack: nn.Module, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cross-entropy summed over replicates and samples, so that no replicate's gradient depends on another's."""
    logits: Tensor = stack(pixels)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum"), logits.detach()
