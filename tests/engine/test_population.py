"""Population statistics against NumPy in float64: which batches, pooled how, and what must stay as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bnlab.data import Part, Scaling, Split
from bnlab.data.parts import Draw
from bnlab.engine.population import compute_population
from bnlab.lifting import lift, lower
from bnlab.norms.precise_batch import PreciseBatchNorm
from bnlab.seeds import split_generator

BATCH, CPU = 8, torch.device("cpu")


def part(count: int, seed: int) -> Part:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 1, 3, 2), generator=generator, dtype=torch.uint8)
    return Part(images, torch.randint(4, (count,), generator=generator))


def split(train: int) -> Split:
    return Split(part(train, 1), None, part(10, 2), 4, Scaling(mean=0.2, std=0.5))


def precise(batches: int) -> PreciseBatchNorm:
    return PreciseBatchNorm(5, eps=1e-5, momentum=0.1, affine=True, population_batches=batches)


def network(batches: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    other = nn.BatchNorm1d(6)
    layers = (nn.Flatten(), other, nn.Linear(6, 5), precise(batches), nn.Linear(5, 5), precise(batches + 1))
    model: nn.Sequential = nn.Sequential(*layers).double()
    return model


def array(tensor: object) -> np.ndarray:
    assert isinstance(tensor, Tensor)
    return tensor.detach().numpy().astype(np.float64)  # a copy


def by_hand(model: nn.Sequential, images: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and variance of the inputs of both norms, every batch normalized by its own statistics on its way."""
    first, second, moments = [], [], []
    for batch in images.split(BATCH):
        x = (batch.numpy().reshape(-1, 6) / 255 - 0.2) / 0.5
        x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
        h = x @ array(model[2].weight).T + array(model[2].bias)
        first.append(h)
        h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
        second.append(h @ array(model[4].weight).T + array(model[4].bias))
    for inputs in (first, second):
        means, variances = [h.mean(0) for h in inputs], [h.var(0) for h in inputs]
        mean = np.mean(means, 0)
        moments.append((mean, np.mean([v + m**2 for m, v in zip(means, variances, strict=True)], 0) - mean**2))
    return moments


@pytest.mark.parametrize("count", [1, 2], ids=["one", "stack"])
@pytest.mark.parametrize(("train", "used"), [(100, (24, 32)), (19, (16, 16)), (5, (5, 5))])
def test_the_first_training_batches_are_pooled(train: int, used: tuple[int, int], count: int) -> None:
    models, data = [network(3, seed) for seed in range(count)], split(train)
    expected = [
        [by_hand(model, data.train.images[:images])[norm] for norm, images in enumerate(used)] for model in models
    ]
    before = [array(model[1].running_mean) for model in models]
    stack = lift(models)
    compute_population(stack, data, BATCH, CPU)
    lower(stack)
    for model, moments, mean in zip(models, expected, before, strict=True):
        for layer, (mu, var) in zip((model[3], model[5]), moments, strict=True):
            np.testing.assert_allclose(array(layer.running_mean), mu, rtol=0, atol=1e-12)
            np.testing.assert_allclose(array(layer.running_var), var, rtol=1e-12)
        assert np.array_equal(array(model[1].running_mean), mean)  # another norm's statistics stay as they are
        assert all(module.training for module in model.modules())


def test_replicates_with_splits_of_their_own_pool_their_own_batches() -> None:
    """Three replicates, two of them of one seed, whose images are pooled in the order of its split."""
    models, whole, seeds = [network(3, seed) for seed in range(3)], split(40), [5, 2, 5]
    data = replace(whole, train=part(25, 3), validation=part(15, 4), draw=Draw(whole.train, 25, None, 1))
    stack = lift(models, [0, 1, 0])
    compute_population(stack, data.of(seeds), BATCH, CPU)
    lower(stack)
    for model, seed in zip(models, seeds, strict=True):
        own = torch.randperm(40, generator=split_generator(1, seed))[:24]
        for layer, (mu, var) in zip((model[3], model[5]), by_hand(model, whole.train.images[own]), strict=True):
            np.testing.assert_allclose(array(layer.running_mean), mu, rtol=0, atol=1e-12)
            np.testing.assert_allclose(array(layer.running_var), var, rtol=1e-12)


def test_far_from_zero_no_digit_is_lost() -> None:
    layer = precise(4).float()
    x = torch.from_numpy(1e4 + np.random.default_rng(0).normal(size=(4, 64, 5))).float()
    layer.begin_population()
    for batch in x:
        layer(batch)
    layer.end_population()
    values = x.double().numpy().reshape(-1, 5)
    np.testing.assert_allclose(layer.running_mean.numpy(), values.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.numpy(), values.var(0), rtol=1e-3)


def test_without_such_a_norm_nothing_is_passed() -> None:
    class NotToBeCalled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError

    compute_population(NotToBeCalled(), split(10), BATCH, CPU)


def test_evaluation_in_between_is_not_pooled() -> None:
    layer = precise(2)
    layer.begin_population()
    layer(torch.ones(4, 5) * torch.tensor([[1.0], [2.0], [1.0], [2.0]]))
    layer.eval()(torch.full((4, 5), 100.0))
    layer.end_population()
    assert torch.allclose(layer.running_mean, torch.full((5,), 1.5))
