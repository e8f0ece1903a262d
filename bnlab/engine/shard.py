"""A shard: those replicates of a stack that one thread trains, as one module and one program.

Shapes: R replicates of the shard, N batch, K classes, T steps.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.data import BatchStream, Split, distinct_seeds
from bnlab.engine.evaluation import Score, evaluate, evaluate_on_batch_statistics, score_batches
from bnlab.engine.look import Inspected, Inspection, Look
from bnlab.engine.observer import Member
from bnlab.engine.optimizer import Hyperparameters, StackOptimizer
from bnlab.engine.plan import Plan
from bnlab.engine.population import compute_population
from bnlab.engine.schedule import lr_factor
from bnlab.engine.step import Step, Warn
from bnlab.lifting import Observation, Watch, lift, lower, owned_parameters


@dataclass(frozen=True)
class Replicate:
    """One seed of a run, ready to train. `run` is the name that observers are told."""

    model: nn.Module
    seed: int
    hyperparameters: Hyperparameters
    run: str = ""

    def member(self) -> Member:
        """Its identity, for observers."""
        trained = [parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad]
        return Member(self.run, self.seed, sum(trained))


@dataclass(frozen=True)
class Chunk:
    """The results of T steps of a shard.

    Attributes:
        score: of all batches together.
        losses: the batches' mean losses (T, R).
        observed: the observations (T, R, ...), by name.
        inspected: the results of the inspections, of the steps that had any.
    """

    score: Score
    losses: Tensor
    observed: dict[str, Tensor]
    inspected: Sequence[Inspected]


class Shard:
    """Some replicates, lifted into one module, with their optimizer and batches.

    Args:
        replicates, data, plan, device, compiled, warn: as in `bnlab.engine.train`.
        observations: what each step returns besides.
        inspections: what is measured at some of the steps.
        members: the replicates' places among those of all shards; only inspections need them.
    """

    def __init__(
        self,
        replicates: Sequence[Replicate],
        data: Split,
        plan: Plan,
        device: torch.device,
        *,
        compiled: bool,
        warn: Warn,
        observations: Sequence[Observation] = (),
        inspections: Sequence[Inspection] = (),
        members: Sequence[int] = (),
    ) -> None:
        seeds = [replicate.seed for replicate in replicates]
        _, self._takes = distinct_seeds(seeds)
        self._stack = lift([replicate.model for replicate in replicates], self._takes).to(device)
        self._data, self._plan, self._device = data.of(seeds), plan, device
        owned = [each for each in owned_parameters(self._stack) if each.tensor.requires_grad]
        self._parameters = [each.tensor for each in owned]
        self._hyperparameters = [replicate.hyperparameters for replicate in replicates]
        self._inspections, self._members = inspections, members
        self._optimizer = StackOptimizer(owned, self._hyperparameters, plan.total_steps, plan.steps_per_epoch, warn)
        self._batches = BatchStream(self._data.train, seeds, plan.images_per_step, plan.drop_last, device)
        self._watch = Watch(self._stack, observations, self._takes)
        self._run_batch = Step(
            self._stack,
            self._parameters,
            self._optimizer,
            data.scaling,
            plan.batch_size,
            plan.total_steps,
            accumulate=plan.accumulate,
            compiled=compiled,
            warn=warn,
            watch=self._watch,
        )
        self._step = 0

    @property
    def steps_at_once(self) -> int:
        """The largest number of steps whose batches are gathered at once."""
        return self._batches.batches_at_once

    def train(self, most: int, is_given_up: threading.Event) -> Chunk:
        """Trains at most `most` steps, and never more than `steps_at_once`.

        Raises:
            CancelledError: `is_given_up` was set; it is looked at before each step.
        """
        chunk = self._batches.take(most)
        outputs, observed, inspected = [], [], []
        for images, labels in chunk:
            if is_given_up.is_set():
                raise CancelledError
            due = [each for each in self._inspections if each.is_due(self._step)]
            look = self._look(images, labels) if due else None
            log_probabilities, *observations = self._run_batch(self._step, images, labels)
            outputs.append(log_probabilities)
            observed.append(observations)
            if look is not None:
                inspected.append(Inspected(self._step, look.measure(due)))
            self._step += 1
        score, losses = score_batches(outputs, [labels for _, labels in chunk])
        names = [each.name for each in self._watch.declared]
        series = map(torch.stack, zip(*observed, strict=True))
        return Chunk(score, losses, dict(zip(names, series, strict=True)), inspected)

    def _look(self, images: Tensor, labels: Tensor) -> Look:
        length = self._plan.total_steps, self._plan.steps_per_epoch
        rates = [each.optimizer.lr * lr_factor(each.schedule, self._step, *length) for each in self._hyperparameters]
        return Look(
            self._stack,
            self._run_batch,
            self._parameters,
            self._takes,
            self._members,
            self._data,
            images,
            labels,
            rates,
        )

    def evaluate(self) -> dict[str, Score]:
        """The scores on the held-out images, by part: validation, if there is any, and test.

        After the last step also `test_batch_stats`, the test score with each batch normalized by its own statistics;
        and the test score then says of each image whether it was answered correctly.
        """
        at_end = self._step == self._plan.total_steps
        compute_population(self._stack, self._data, self._plan.batch_size, self._device)
        scores = {}
        if self._data.validation is not None:
            scores["validation"] = evaluate(self._stack, self._data, self._data.validation, self._device)
        scores["test"] = evaluate(self._stack, self._data, self._data.test, self._device, keep_each=at_end)
        if at_end:
            scores["test_batch_stats"] = evaluate_on_batch_statistics(
                self._stack, self._data, self._plan.batch_size, self._device
            )
        return scores

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, as tensors and plain values. The tensors are no copies: training changes them."""
        return {
            "stack": self._stack.state_dict(),
            "optimizer": self._optimizer.state(),
            "batches": self._batches.state(),
            "step": self._step,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._stack.load_state_dict(state["stack"])
        self._optimizer.load_state(state["optimizer"])
        self._batches.load_state(state["batches"])
        self._step = state["step"]

    def lower(self) -> None:
        """Ends the training: copies the weights back into the plain models, and removes the observations' hooks."""
        self._watch.close()
        lower(self._stack)
