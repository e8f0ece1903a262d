"""Every quantity of every probe, of each replicate of a stack, is that of a plain model in plain loops."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import pytest
import torch
from torch.nn import functional as F

from bnlab.config import PROBES, ModelConfig, ProbesConfig
from bnlab.data import BatchStream
from bnlab.engine import Inspected, Observer, Observers, Plan, Replicate, train
from bnlab.models import Places, places_of
from bnlab.probes import Probes
from tests.lifting.test_lifting import CLASSES, IMAGES, cnn, mlp, replicate, rnn, synthetic_split, vit
from tests.probes import reference

EVERY, STEPS, BATCH = 2, 3, 16


class Kept(Observer):
    """What was found."""

    def __init__(self) -> None:
        self.found: list[Inspected] = []

    def inspected(self, found: Inspected) -> None:
        self.found.append(found)


def of(norm: str, seed: int, model: ModelConfig) -> Replicate:
    name, *settings = norm.split()
    return replicate(f"norm={name}", seed, torch.float64, model, settings=tuple(settings))


def probed(
    replicates: Sequence[Replicate], places: Sequence[Places], image: tuple[int, ...], *, threads: int = 1
) -> list[Inspected]:
    kept, plan = Kept(), Plan(BATCH, True, 12, STEPS, None)
    observers = Observers([kept, Probes(ProbesConfig(list(PROBES), EVERY, None), places)])
    train(replicates, synthetic_split(image), plan, torch.device("cpu"), observers, threads=threads)
    return kept.found


def expected(one: Replicate, places: Places, image: tuple[int, ...]) -> list[reference.Found]:
    """At each look, of a plain model that is trained by PyTorch's own means."""
    model, data = copy.deepcopy(one.model), synthetic_split(image)
    stream = BatchStream(data.train, [one.seed], BATCH, True, torch.device("cpu"))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    found = []
    for step, (images, labels) in enumerate(stream.take(STEPS)):
        batch = images[0], labels[0]
        at = copy.deepcopy(model)
        optimizer.zero_grad()
        F.cross_entropy(model(reference.pixels(batch[0])), batch[1]).backward()
        optimizer.step()
        if step % EVERY:
            continue
        before, after = ({name: p.detach().clone() for name, p in m.named_parameters()} for m in (at, model))
        found.append(
            reference.of_gradients(at, before, after, batch)
            | reference.of_shift(at, before, after, batch)
            | reference.of_landscape(at, before, batch, lr=1e-2)
            | reference.of_activations(at, places.norms, places.activations, batch)
            | reference.of_running(at, data.train.images, BATCH)
        )
    return found


def check(found: Sequence[Inspected], index: int, mine: Sequence[reference.Found]) -> None:
    assert [each.step for each in found] == list(range(0, STEPS, EVERY))
    for each, own in zip(found, mine, strict=True):
        values = {key: float(value[index]) for key, value in each.values.items() if not math.isnan(value[index])}
        own = {key: value for key, value in own.items() if not math.isnan(value)}
        assert values.keys() == own.keys()
        for key, value in values.items():
            assert value == pytest.approx(own[key], rel=1e-7, abs=1e-7), key


@pytest.mark.parametrize(
    ("norms", "model"),
    [
        (["batch"], mlp(hidden=[8, 6])),
        (["batch", "layer", "none"], mlp(hidden=[8, 6], norm_position="post", activation="tanh")),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                (["batch", "ghost_batch norm.virtual_batch_size=4"], mlp(hidden=[8, 6], activation="sigmoid")),
                (["weight_norm", "dyt", "frn"], mlp(hidden=[8, 6])),
                (["batch", "group norm.num_groups=2", "none"], cnn(channels=[2, 4])),
                (["layer", "batch"], vit()),
                (["none", "batch", "layer"], rnn(hidden=4)),
            )
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else value.name,
)
def test_every_quantity_is_that_of_a_plain_model(norms: list[str], model: ModelConfig) -> None:
    image = IMAGES[model.name]
    replicates = [of(norm, number, model) for number, norm in enumerate(norms)]
    places = places_of(model, image, CLASSES)
    mine = [expected(one, places, image) for one in replicates]
    found = probed(replicates, [places] * len(norms), image)
    for index, of_one in enumerate(mine):
        check(found, index, of_one)
