"""The training loop against a plain PyTorch loop in float64, step by step and to the last weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from bnlab import models
from bnlab.config import RunConfig, from_mapping
from bnlab.data import Part, Scaling, Split
from bnlab.data.parts import Draw
from bnlab.engine.loop import train
from bnlab.engine.observer import Observer, Observers
from bnlab.engine.optimizer import Hyperparameters
from bnlab.engine.plan import Plan
from bnlab.engine.shard import Replicate
from bnlab.machine.threads import use_threads
from bnlab.norms import SCHEMES
from bnlab.seeds import batch_generator, split_generator, weight_generator
from tests.compose import compose
from tests.reference import History, Recipe, Watcher, fit

CPU = torch.device("cpu")
IMAGE, PIXELS, CLASSES = (1, 3, 4), 12, 4


def synthetic(train_images: int = 43, validation: int | None = 21) -> Split:
    """Images 3 x 4 that can be learned: the class decides which rows are bright."""
    generator = torch.Generator().manual_seed(5)

    def part(count: int) -> Part:
        labels = torch.randint(CLASSES, (count,), generator=generator)
        noise = torch.randint(128, (count, 1, 3, 4), generator=generator)
        noise[torch.arange(count), 0, :, labels] += 100
        return Part(noise.to(torch.uint8), labels)

    held_out = None if validation is None else part(validation)
    return Split(part(train_images), held_out, part(50), CLASSES, Scaling(mean=0.3, std=0.4))


def configured(*overrides: str) -> RunConfig:
    return from_mapping(compose(["model.hidden=[7,6]", *overrides]))


def replicate(config: RunConfig, seed: int = 0) -> Replicate:
    model = models.build(config.model, config.norm, IMAGE, CLASSES, weight_generator(seed)).double()
    return Replicate(model, seed, Hyperparameters(config.optimizer, config.schedule))


def trained(config: RunConfig, data: Split, seed: int, recipe: Recipe) -> tuple[nn.Module, History]:
    """The model and its history by bnlab's loop."""
    size = recipe.batch_size
    per_epoch = len(data.train) // size if recipe.drop_last else -(-len(data.train) // size)
    one, watcher = replicate(config, seed), Watcher()
    plan = Plan(size, recipe.drop_last, per_epoch, recipe.steps, recipe.eval_every)
    train([one], data, plan, CPU, watcher)
    return one.model, watcher.history


def twin(config: RunConfig, seed: int, norm: Callable[[int], nn.Module]) -> nn.Sequential:
    """The article's network built by hand, with the same initial weights."""
    affine = isinstance(norm(6), (nn.BatchNorm1d, nn.LayerNorm, nn.GroupNorm))
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, units in ((PIXELS, 7), (7, 6)):
        layers += [nn.Linear(inputs, units, bias=not affine), norm(units), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(6, CLASSES)).double()
    source = replicate(config, seed).model
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), source.parameters(), strict=True):
            mine.copy_(theirs)
    return model


def adam(**options: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.Adam(model.parameters(), **{"lr": 1e-3} | options)


def sgd(**options: Any) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.SGD(model.parameters(), **options)


def adamw_without_decay_of_norms(model: nn.Module) -> torch.optim.Optimizer:
    linear = [p for layer in model.modules() if isinstance(layer, nn.Linear) for p in layer.parameters()]
    norm = [p for layer in model.modules() if isinstance(layer, nn.BatchNorm1d) for p in layer.parameters()]
    groups = [{"params": linear, "weight_decay": 0.3}, {"params": norm, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.02)


def batch(channels: int) -> nn.Module:
    return nn.BatchNorm1d(channels)


CASES: dict[str, tuple[str, Callable[[int], nn.Module], Recipe]] = {
    "defaults": ("", batch, Recipe(adam())),
    "custom": ("norm.impl=custom", batch, Recipe(adam())),
    "none": ("norm=none", lambda c: nn.Identity(), Recipe(adam())),
    "layer": ("norm=layer optimizer.lr=0.01", nn.LayerNorm, Recipe(adam(lr=0.01), steps=30)),
    "group": ("norm=group norm.num_groups=1", lambda c: nn.GroupNorm(1, c), Recipe(adam())),
    "settings": (
        "norm.eps=0.1 norm.momentum=0.4 "
        "optimizer.lr=0.02 optimizer.betas=[0.7,0.9] optimizer.eps=1e-3 optimizer.weight_decay=0.2",
        lambda c: nn.BatchNorm1d(c, eps=0.1, momentum=0.4),
        Recipe(adam(lr=0.02, betas=(0.7, 0.9), eps=1e-3, weight_decay=0.2)),
    ),
    "drop_last": ("", batch, Recipe(adam(), drop_last=True, steps=17)),
    "one_batch_an_epoch": ("", batch, Recipe(adam(), batch_size=43, steps=5)),
    "eval_every": ("", batch, Recipe(adam(), eval_every=4, steps=21)),
    "ends_within_an_epoch": ("", batch, Recipe(adam(), steps=3)),
    "sgd": ("norm=none optimizer=sgd", lambda c: nn.Identity(), Recipe(sgd(lr=0.1, momentum=0.9))),
    "nesterov": (
        "optimizer=sgd optimizer.lr=0.05 optimizer.momentum=0.5 optimizer.nesterov=true optimizer.weight_decay=0.1",
        batch,
        Recipe(sgd(lr=0.05, momentum=0.5, nesterov=True, weight_decay=0.1)),
    ),
    "adamw": (
        "optimizer=adamw optimizer.lr=0.02 optimizer.weight_decay=0.3 optimizer.decay_norm_params=false",
        batch,
        Recipe(adamw_without_decay_of_norms),
    ),
    "cosine": (
        "optimizer.lr=0.02 schedule=cosine schedule.final_factor=0.1",
        batch,
        Recipe(adam(lr=0.02), lambda o, steps, _: CosineAnnealingLR(o, steps, eta_min=0.02 * 0.1)),
    ),
    "step": (
        "optimizer.lr=0.02 schedule=step schedule.every_epochs=2 schedule.gamma=0.5",
        batch,
        Recipe(adam(lr=0.02), lambda o, _, per_epoch: StepLR(o, 2 * per_epoch, gamma=0.5), steps=35),
    ),
}


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("seed", [0, 3])
def test_losses_and_weights_are_those_of_a_plain_loop(case: str, seed: int) -> None:
    overrides, norm, recipe = CASES[case]
    config, data = configured(*overrides.split()), synthetic()
    mine = twin(config, seed, norm)
    history = fit(mine, data, seed, recipe)
    model, found = trained(config, data, seed, recipe)
    assert list(found.scores) == list(history.scores)
    for key, pair in history.scores.items():
        assert found.scores[key] == pytest.approx(pair, rel=1e-9, abs=1e-12), key
    for (name, value), other in zip(model.state_dict().items(), mine.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-9, atol=1e-12, msg=name)


def with_splits(train_images: int = 43, validation: int = 21) -> Split:
    """As `synthetic`, with a split per seed."""
    every = synthetic(train_images + validation).train
    train, held_out = (Part(every.images[part], every.labels[part]) for part in OF_ALL)
    return replace(synthetic(), train=train, validation=held_out, draw=Draw(every, train_images, None, 7))


def split_by_hand(seed: int) -> Split:
    """The split of one seed, its images copied: 43 of its order are trained on, 21 held out."""
    every, order = synthetic(64).train, torch.randperm(64, generator=split_generator(7, seed))
    train, held_out = (Part(every.images[order[part]], every.labels[order[part]]) for part in OF_ALL)
    return replace(synthetic(), train=train, validation=held_out)


OF_ALL = slice(None, 43), slice(43, None)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seeds", [[3, 0, 3, 0], [0, 1, 2, 3], [5, 5, 5, 5], [4]], ids=str)
def test_each_replicate_has_the_split_of_its_seed_as_in_a_plain_loop(seeds: list[int], threads: int) -> None:
    """Whoever else is in its stack, and under every scheme; in one shard and in two."""
    norms: dict[str, Callable[[int], nn.Module]] = {
        "batch": batch,
        "none": lambda channels: nn.Identity(),
        "layer": nn.LayerNorm,
    }
    schemes = [f"norm={name}" for name in ("batch", "none", "layer", "batch")]
    recipe, members = Recipe(adam(), eval_every=4, steps=21), list(zip(seeds, schemes, strict=False))
    replicates = [replicate(configured(scheme), seed) for seed, scheme in members]
    watchers = [Watcher(number) for number in range(len(seeds))]
    train(replicates, with_splits(), Plan(8, False, 6, 21, 4), CPU, Observers(watchers), threads=threads)
    for one, watcher, (seed, scheme) in zip(replicates, watchers, members, strict=True):
        mine = twin(configured(scheme), seed, norms[scheme.removeprefix("norm=")])
        history = fit(mine, split_by_hand(seed), seed, recipe)
        assert list(watcher.history.scores) == list(history.scores)
        for key, pair in history.scores.items():
            assert watcher.history.scores[key] == pytest.approx(pair, rel=1e-9, abs=1e-12), key
        for (name, value), other in zip(one.model.state_dict().items(), mine.state_dict().values(), strict=True):
            torch.testing.assert_close(value, other, rtol=1e-9, atol=1e-12, msg=name)


def test_the_reference_would_notice_a_wrong_setting() -> None:
    """The comparison above is worth something only if it tells apart what differs a little."""
    overrides, norm, recipe = CASES["settings"]
    config, data = configured(*overrides.split()), synthetic()
    history = fit(twin(config, 0, norm), data, 0, recipe)
    for other in ("norm.eps=0.11", "norm.momentum=0.41", "optimizer.eps=2e-3", "optimizer.weight_decay=0.21"):
        _, found = trained(configured(*overrides.split(), other), data, 0, recipe)
        last = recipe.steps, "test"
        assert found.scores[last] != pytest.approx(history.scores[last], rel=1e-6)


@pytest.mark.parametrize(("images", "drop_last"), [(43, True), (43, False), (48, False)])
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_accumulated_gradients_are_those_of_the_large_batch_where_no_norm_looks_at_it(
    norm: str, images: int, drop_last: bool
) -> None:
    config, data, found = configured(f"norm={norm}", "optimizer.lr=0.01"), synthetic(images), []
    for size, accumulate in ((12, 1), (4, 3)):
        one, watcher = replicate(config), Watcher()
        per_epoch = images // 12 if drop_last else -(-images // 12)
        train([one], data, Plan(size, drop_last, per_epoch, 9, None, accumulate), CPU, watcher)
        found.append((one.model.state_dict(), watcher.history.scores))
    (whole, scores), (parts, others) = found
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-9, atol=1e-12, msg=name)
    for key, pair in scores.items():
        assert others[key] == pytest.approx(pair, rel=1e-9), key


def test_batch_norm_sees_each_batch_that_is_accumulated_by_itself() -> None:
    """Two batches of 4 make a step: running statistics move twice, and by those of 4 images."""
    config, data, recipe = configured("optimizer=sgd", "optimizer.momentum=0"), synthetic(8), Recipe(sgd(lr=0.1))
    model = twin(config, 0, batch)
    order = torch.randperm(8, generator=batch_generator(0))
    images = (data.train.images[order].double() / 255 - 0.3) / 0.4
    for part in (slice(0, 4), slice(4, 8)):
        loss = nn.functional.cross_entropy(model(images[part]), data.train.labels[order][part]) / 2
        loss.backward()
    recipe.optimizer(model).step()
    one = replicate(config)
    train([one], data, Plan(4, False, 1, 1, None, 2), CPU, Observer())
    for (name, value), other in zip(one.model.state_dict().items(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("steps", [1, 6, 7, 12, 40])
@pytest.mark.parametrize("every", [None, 1, 4, 6, 100])
def test_evaluation_is_at_each_epochs_end_every_so_many_steps_and_at_the_end(steps: int, every: int | None) -> None:
    plan = Plan(batch_size=8, drop_last=False, steps_per_epoch=6, total_steps=steps, eval_every=every)
    epochs = set(range(6, steps + 1, 6))
    between = set() if every is None else set(range(every, steps + 1, every))
    assert list(plan.stops()) == sorted(epochs | between | {steps})
    assert [plan.epoch(step) for step in (3, 6, 15)] == [0.5, 1.0, 2.5]


def test_it_learns() -> None:
    _, history = trained(configured("optimizer.lr=0.05"), synthetic(400), 0, Recipe(adam(), steps=200))
    assert history.scores[200, "test"][1] > 0.9


def test_without_validation_there_is_no_validation_score() -> None:
    _, history = trained(configured(), synthetic(validation=None), 0, Recipe(adam(), steps=6))
    assert [split for _, split in history.scores] == ["train", "test", "test_batch_stats"]


@pytest.mark.parametrize("lr", [3e37, 1e38, 3e38])
def test_divergence_is_told_at_the_step_of_the_first_loss_that_is_not_finite(lr: float) -> None:
    config = configured("norm=none", "optimizer=sgd", f"optimizer.lr={lr}", "optimizer.momentum=0")
    recipe, data = Recipe(sgd(lr=lr), steps=30), synthetic()
    history = fit(twin(config, 0, lambda c: nn.Identity()), data, 0, recipe)
    _, found = trained(config, data, 0, recipe)
    assert history.diverged_at is not None
    assert found == history


def test_divergence_within_the_second_epoch_keeps_the_first_ones_scores() -> None:
    """43 images in batches of 8 are 6 steps an epoch; the second one has a rate that no network survives."""
    config = configured("norm=none", "optimizer=sgd", "schedule=step", "schedule.every_epochs=1", "schedule.gamma=1e38")
    recipe = Recipe(sgd(lr=0.1, momentum=0.9), lambda o, _, per_epoch: StepLR(o, per_epoch, gamma=1e38), steps=30)
    data = synthetic()
    history = fit(twin(config, 0, lambda c: nn.Identity()), data, 0, recipe)
    _, found = trained(config, data, 0, recipe)
    assert history.diverged_at is not None
    assert 6 < history.diverged_at < 12
    assert found.diverged_at == history.diverged_at
    assert list(found.scores) == [(6, "train"), (6, "validation"), (6, "test")]


MLP_SCHEMES = [name for name, scheme in SCHEMES.items() if not scheme.spatial_only]


class Pixels(nn.Module):
    """Keeps the batches that it is given."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.seen = model, list[torch.Tensor]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and torch.is_grad_enabled():  # no evaluation
            self.seen.append(images.clone())
        logits: torch.Tensor = self.model(images)
        return logits


def batches(norm: str, seed: int, data: Split | None = None) -> list[torch.Tensor]:
    """The training batches of two epochs."""
    settings = ["norm.num_groups=1"] if norm in ("group", "weight_standardization") else []
    one = replicate(configured(f"norm={norm}", *settings), seed)
    spy = Pixels(one.model)
    train([replace(one, model=spy)], data or synthetic(), Plan(8, False, 6, 12, None), CPU, Observer())
    return spy.seen


@pytest.mark.parametrize("data", [synthetic(), with_splits()], ids=["one split", "split per seed"])
def test_the_same_seed_sees_the_same_batches_under_every_scheme(data: Split) -> None:
    expected = batches("none", 0, data)
    assert [len(images) for images in expected] == [8, 8, 8, 8, 8, 3] * 2
    for norm in MLP_SCHEMES:
        assert all(torch.equal(a, b) for a, b in zip(expected, batches(norm, 0, data), strict=True)), norm


def test_every_epoch_shows_every_image_once_in_an_order_of_its_own() -> None:
    seen = batches("batch", 0)
    epochs = [torch.cat(seen[:6]).flatten(1), torch.cat(seen[6:]).flatten(1)]
    pixels = (synthetic().train.images.double() / 255 - 0.3) / 0.4
    expected = sorted(pixels.flatten(1).tolist())
    for epoch in epochs:
        torch.testing.assert_close(torch.tensor(sorted(epoch.tolist())), torch.tensor(expected), rtol=1e-6, atol=1e-6)
    assert not torch.equal(*epochs)


def test_seeds_zero_and_one_see_other_batches() -> None:
    assert not torch.equal(batches("none", 0)[0], batches("none", 1)[0])


class _WatchDenormals(torch.nn.Module):
    """A layer that looks, wherever it computes, whether denormal numbers are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        numbers = torch.full((2**17,), 1e-40)  # enough for all threads to have a part of them
        self.flushed.append(not (numbers * 1).any())
        return x


@pytest.mark.parametrize("threads", [1, 2])
def test_denormal_numbers_are_flushed_while_it_trains_and_only_then(threads: int) -> None:
    """A third of a step's time went into averages of the gradients of pixels that are hardly ever lit.

    Later a tenth of a stack's: the threads that PyTorch had started before the training did not flush them.
    """
    with use_threads(threads):
        assert (torch.full((2**17,), 1e-40) * 1).all()
    one, watch = replicate(configured("epochs=1")), _WatchDenormals()
    one.model.add_module("layers", nn.Sequential(*one.model.get_submodule("layers").children(), watch))
    train([one], synthetic(), Plan(8, False, 6, 6, None), torch.device("cpu"), Observer(), threads=threads)
    assert watch.flushed
    assert all(watch.flushed)
    assert (torch.full((2**17,), 1e-40) * 1).all()
