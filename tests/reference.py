"""A training loop as anyone would write it in plain PyTorch: the tests' own reference, in float64.

It shares two things with bnlab: the initial weights, which are copied, and the generator of the batches' order.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler

from bnlab.data import Part, Split
from bnlab.engine.observer import Evaluation, Observer
from bnlab.seeds import batch_generator

Schedule = Callable[[torch.optim.Optimizer, int, int], LRScheduler]
"""Of the optimizer, the number of all steps, and the steps of an epoch."""


@dataclass
class History:
    """Per evaluation: (step, split) -> (loss, accuracy); and the step at which the loss was not finite."""

    scores: dict[tuple[int, str], tuple[float, float]] = field(default_factory=dict)
    diverged_at: int | None = None


class Watcher(Observer):
    """Keeps one replicate's history."""

    def __init__(self, replicate: int = 0) -> None:
        self.history, self._replicate = History(), replicate

    def evaluated(self, evaluation: Evaluation) -> None:
        for split, score in evaluation.scores.items():
            pair = score.loss(self._replicate), score.accuracy(self._replicate)
            self.history.scores[evaluation.step, split] = pair

    def diverged(self, replicate: int, step: int) -> None:
        if replicate == self._replicate:
            self.history.diverged_at = step


@dataclass(frozen=True)
class Recipe:
    """What bnlab's configuration says, in PyTorch's words."""

    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    schedule: Schedule | None = None
    batch_size: int = 8
    drop_last: bool = False
    steps: int = 20
    eval_every: int | None = None


def fit(model: nn.Module, data: Split, seed: int, recipe: Recipe) -> History:
    """Trains the model in place."""
    history, generator = History(), batch_generator(seed)
    n, size = len(data.train), recipe.batch_size
    per_epoch = n // size if recipe.drop_last else math.ceil(n / size)
    optimizer = recipe.optimizer(model)
    scheduler = recipe.schedule(optimizer, recipe.steps, per_epoch) if recipe.schedule else None
    step, since = 0, [0.0, 0.0, 0.0]
    while step < recipe.steps:
        indices = torch.randperm(n, generator=generator)
        for start in range(0, per_epoch * size, size):
            batch = indices[start : start + size]
            loss, right = forward(model, data, Part(data.train.images[batch], data.train.labels[batch]))
            step += 1
            if not loss.isfinite():
                history.diverged_at = step
                return history
            since = [a + b for a, b in zip(since, (loss.item() * len(batch), right, len(batch)), strict=True)]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            at_end = start + size >= per_epoch * size or step == recipe.steps
            if at_end or (recipe.eval_every and step % recipe.eval_every == 0):
                history.scores[step, "train"] = (since[0] / since[2], since[1] / since[2])
                since = [0.0, 0.0, 0.0]
                evaluate(model, data, step, recipe, history)
            if step == recipe.steps:
                break
    return history


def evaluate(model: nn.Module, data: Split, step: int, recipe: Recipe, history: History) -> None:
    model.eval()
    with torch.no_grad():
        for name, part in (("validation", data.validation), ("test", data.test)):
            if part is not None:
                loss, right = forward(model, data, part)
                history.scores[step, name] = (loss.item(), right / len(part))
    model.train()
    if step == recipe.steps:
        twin = copy.deepcopy(model)
        total, size = len(data.test), recipe.batch_size
        loss_sum, right_sum = 0.0, 0.0
        for start in range(0, total, size):
            chosen = slice(max(min(start, total - size), 0), min(start + size, total))
            new = min(total - start, size)  # a last batch is filled up with images that were scored before
            batch = Part(data.test.images[chosen], data.test.labels[chosen])
            loss, right = forward(twin, data, batch, last=new)
            loss_sum, right_sum = loss_sum + loss.item() * new, right_sum + right
        history.scores[step, "test_batch_stats"] = (loss_sum / total, right_sum / total)


def forward(model: nn.Module, data: Split, part: Part, last: int | None = None) -> tuple[Tensor, float]:
    """Mean cross-entropy, and how many are right; of the last so many images of the batch, or of all."""
    pixels = (part.images.double() / 255 - data.scaling.mean) / data.scaling.std
    logits, labels = (values if last is None else values[-last:] for values in (model(pixels), part.labels))
    return F.cross_entropy(logits, labels), float((logits.argmax(1) == labels).sum())
