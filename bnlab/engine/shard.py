"""A shard of a stack: replicates that one thread trains side by side, as one program.

Shapes: R replicates of the shard, N batch, K classes, T steps.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

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
from bnlab.engine.step import Say, Step
from bnlab.lifting import Observation, Watch, is_known_throughout, lift, lower, owned_parameters
from bnlab.machine import bytes_per_core

Dealt = TypeVar("Dealt")

LEAST = 2
"""Replicates in a shard."""


@dataclass(frozen=True)
class Replicate:
    """One seed of a run, ready to train; `run` is told to the observers."""

    model: nn.Module
    seed: int
    hyperparameters: Hyperparameters
    run: str = ""

    def member(self) -> Member:
        """Who it is."""
        trained = [parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad]
        return Member(self.run, self.seed, sum(trained))


@dataclass(frozen=True)
class Chunk:
    """Some steps of a shard.

    Attributes:
        score: of all of them.
        losses: mean losses (T, R).
        observed: what the steps showed, by the observations' names: (T, R, ...).
        inspected: what was measured of some of the steps.
    """

    score: Score
    losses: Tensor
    observed: dict[str, Tensor]
    inspected: Sequence[Inspected]


def number_of_shards(replicates: Sequence[Replicate], threads: int, device: torch.device) -> int:
    """How many shards train faster than one whose kernels are shared out among the threads.

    The same for each thread, and so many that a shard's weights, gradients and moments, which every step reads and
    writes, fit a core's cache; but of two replicates at least: what is the same for any number of them is half of a
    single one's step. A module that bnlab does not know may not bear threads.
    """
    if device.type != "cpu" or not all(is_known_throughout(replicate.model) for replicate in replicates):
        return 1
    bytes_of_one = max(_bytes_of_a_step(replicate.model) for replicate in replicates)
    fitting = max(LEAST, bytes_per_core() // bytes_of_one)
    rounds = math.ceil(len(replicates) / (fitting * threads))
    return max(1, min(rounds * threads, len(replicates) // LEAST))


def _bytes_of_a_step(model: nn.Module) -> int:
    """What a step reads and writes of a replicate's: each trained number with its gradient and Adam's two moments."""
    return sum(4 * each.numel() * each.element_size() for each in model.parameters() if each.requires_grad)


def deal(replicates: Sequence[Dealt], shards: int) -> list[Sequence[Dealt]]:
    """In turn, like cards: a sweep lists the replicates arm by arm, so that every shard has as much work."""
    return [replicates[number::shards] for number in range(shards)]


def collect(values: Sequence[Tensor]) -> Tensor:
    """Every shard's values of its replicates, on the last axis, in the order before they were dealt."""
    whole = values[0].new_empty(*values[0].shape[:-1], sum(each.shape[-1] for each in values))
    for number, each in enumerate(values):
        whole[..., number :: len(values)] = each
    return whole


def collect_scores(scores: Sequence[Score]) -> Score:
    """As `collect`, of scores on as many images."""
    loss_sums, correct = collect([each.loss_sum for each in scores]), collect([each.correct for each in scores])
    kept = [each.is_right.T for each in scores if each.is_right is not None]
    return Score(loss_sums, correct, scores[0].images, collect(kept).T if kept else None)


def collect_observed(chunks: Sequence[Chunk]) -> dict[str, Tensor]:
    """As `collect`, of what was observed in each shard's steps: (T, R, ...), by name."""
    return {
        name: collect([chunk.observed[name].movedim(1, -1) for chunk in chunks]).movedim(-1, 1)
        for name in chunks[0].observed
    }


def collect_inspected(chunks: Sequence[Chunk]) -> list[Inspected]:
    """As `collect`, of what was measured of each shard."""
    return [
        Inspected(parts[0].step, {key: collect([part.values[key] for part in parts]) for key in parts[0].values})
        for parts in zip(*(chunk.inspected for chunk in chunks), strict=True)
    ]


class Shard:
    """The replicates' stack, and all that changes from step to step; its steps show the observations.

    `members` are the replicates' places among those of all shards.
    """

    def __init__(
        self,
        replicates: Sequence[Replicate],
        data: Split,
        plan: Plan,
        device: torch.device,
        *,
        compiled: bool,
        say: Say,
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
        self._optimizer = StackOptimizer(owned, self._hyperparameters, plan.total_steps, plan.steps_per_epoch, say)
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
            say=say,
            watch=self._watch,
        )
        self._step = 0

    @property
    def steps_at_once(self) -> int:
        """How many steps' batches are gathered at once."""
        return self._batches.batches_at_once

    def train(self, most: int, is_given_up: threading.Event) -> Chunk:
        """Trains at most so many steps, `steps_at_once` or fewer.

        Once it is given up it raises CancelledError before the next step.
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
        """The scores on the images that are held out.

        After the last step also those with each batch's own statistics, and the test's image by image.
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
        """Tensors and plain values; the tensors go on changing."""
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
        """Copies what was trained back into the replicates' plain models; nothing is observed in them any more."""
        self._watch.close()
        lower(self._stack)
