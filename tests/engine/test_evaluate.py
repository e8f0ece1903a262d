"""Scores against NumPy in float64, and what evaluation must leave as it was."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor, nn

from bnlab.data import Part, Scaling, Split
from bnlab.engine.evaluation import (
    EVALUATION_BATCH,
    evaluate,
    evaluate_on_batch_statistics,
    log_probabilities_of,
    score_batches,
)
from bnlab.lifting import lift
from bnlab.norms.batch import BatchNorm
from tests.on_mps import OnMPS

CPU = torch.device("cpu")
Floats = NDArray[np.float64]
Norm = Callable[[int], nn.Module]
NORMS: dict[str, Norm] = {
    "native": lambda channels: nn.BatchNorm1d(channels),
    "custom": lambda channels: BatchNorm(channels, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True),
}


def part(count: int, seed: int) -> Part:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 1, 3, 2), generator=generator, dtype=torch.uint8)
    return Part(images, torch.randint(4, (count,), generator=generator))


def split(test: int) -> Split:
    return Split(part(50, 1), None, part(test, 2), 4, Scaling(mean=0.2, std=0.5))


def network(norm: Norm, seed: int = 0) -> nn.Sequential:
    """6 pixels -> 5 -> norm -> 4 classes in float64, with running statistics that are far from any batch's."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), norm(5), nn.ReLU(), nn.Linear(5, 4)).double()
    model[2].running_mean = torch.tensor([0.5, -0.5, 0.1, 0.0, 2.0], dtype=torch.float64)
    model[2].running_var = torch.tensor([4.0, 0.1, 1.0, 2.0, 9.0], dtype=torch.float64)
    for parameter in model[2].parameters():
        nn.init.normal_(parameter)
    return model


def array(tensor: object) -> Floats:
    assert isinstance(tensor, Tensor)
    values: Floats = tensor.detach().double().numpy()
    return values


def test_losses_are_summed_on_the_cpu_where_the_device_has_no_float64() -> None:
    torch.manual_seed(0)
    answers, labels = log_probabilities_of(torch.randn(2, 30, 4)), torch.randint(4, (2, 30))
    expected, means = score_batches([answers], [labels])
    score, found = score_batches([answers.as_subclass(OnMPS)], [labels.as_subclass(OnMPS)])
    assert type(score.loss_sum) is type(score.correct) is Tensor
    assert torch.equal(score.loss_sum, expected.loss_sum)
    assert torch.equal(score.correct, expected.correct)
    assert torch.equal(found.cpu(), means)


def by_hand(model: nn.Sequential, batch: Part, *, own_statistics: bool) -> tuple[Floats, NDArray[np.bool_]]:
    """Each image's cross-entropy, and whether it is classified rightly."""
    x = (array(batch.images).reshape(-1, 6) / 255 - 0.2) / 0.5
    h = x @ array(model[1].weight).T + array(model[1].bias)
    mean = h.mean(0) if own_statistics else array(model[2].running_mean)
    var = h.var(0) if own_statistics else array(model[2].running_var)
    h = (h - mean) / np.sqrt(var + 1e-5) * array(model[2].weight) + array(model[2].bias)
    logits = np.maximum(h, 0) @ array(model[4].weight).T + array(model[4].bias)
    labels = batch.labels.numpy()
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels], logits.argmax(1) == labels


@pytest.mark.parametrize("norm", list(NORMS))
@pytest.mark.parametrize("count", [1, 37, EVALUATION_BATCH, EVALUATION_BATCH + 1, 2 * EVALUATION_BATCH + 500])
def test_evaluation_uses_the_running_statistics(norm: str, count: int) -> None:
    model, data = network(NORMS[norm]), split(count)
    score = evaluate(lift([model]), data, data.test, CPU, keep_each=True)
    losses, right = by_hand(model, data.test, own_statistics=False)
    assert score.images == count
    assert score.is_right is not None
    assert score.is_right.tolist() == [right.tolist()]
    assert evaluate(lift([model]), data, data.test, CPU).is_right is None
    assert score.loss(0) == pytest.approx(losses.mean(), rel=1e-12)
    assert score.accuracy(0) == right.mean()


@pytest.mark.parametrize("norm", list(NORMS))
@pytest.mark.parametrize(("count", "batch_size"), [(40, 8), (43, 8), (7, 7), (9, 8), (2501, 32)])
def test_batch_statistics_are_each_batchs_own_and_the_last_batch_is_filled_up(
    norm: str, count: int, batch_size: int
) -> None:
    """So that every image is scored once, as in `evaluate`: else schemes without statistics show a gap too."""
    model, data = network(NORMS[norm]), split(count)
    score = evaluate_on_batch_statistics(lift([model]), data, batch_size, CPU)
    losses, right = [], []
    for start in range(0, count, batch_size):
        batch = slice(min(start, count - batch_size), min(start + batch_size, count))
        new = min(count - start, batch_size)
        found = by_hand(model, Part(data.test.images[batch], data.test.labels[batch]), own_statistics=True)
        losses.append(found[0][-new:])
        right.append(found[1][-new:])
    assert score.images == count
    assert score.loss(0) == pytest.approx(np.concatenate(losses).mean(), rel=1e-12)
    assert score.accuracy(0) == np.concatenate(right).mean()


def test_a_test_set_smaller_than_a_batch_is_one_batch() -> None:
    model, data = network(NORMS["native"]), split(6)
    score = evaluate_on_batch_statistics(lift([model]), data, 32, CPU)
    losses, _ = by_hand(model, data.test, own_statistics=True)
    assert score.images == 6
    assert score.loss(0) == pytest.approx(losses.mean(), rel=1e-12)


@pytest.mark.parametrize("norm", list(NORMS))
@pytest.mark.parametrize("count", [1, 2], ids=["one", "stack"])
def test_nothing_of_the_model_changes_and_it_trains_on(norm: str, count: int) -> None:
    models, data = [network(NORMS[norm], seed) for seed in range(count)], split(100)
    stack = lift(models)
    before = {name: value.clone() for name, value in stack.state_dict().items()}
    assert any("running_var" in name for name in before)
    evaluate(stack, data, data.test, CPU)
    evaluate_on_batch_statistics(stack, data, 8, CPU)
    assert all(torch.equal(value, before[name]) for name, value in stack.state_dict().items())
    assert all(module.training for module in stack.modules())
    assert all(parameter.grad is None for parameter in stack.parameters())


def test_the_replicates_of_a_stack_are_scored_apart() -> None:
    models, data = [network(NORMS["native"], seed) for seed in range(3)], split(100)
    for score, own in (
        (evaluate(lift(models), data, data.test, CPU), False),
        (evaluate_on_batch_statistics(lift(models), data, 100, CPU), True),
    ):
        for index, model in enumerate(models):
            losses, right = by_hand(model, data.test, own_statistics=own)
            assert score.loss(index) == pytest.approx(losses.mean(), rel=1e-12)
            assert score.accuracy(index) == right.mean()


@pytest.mark.parametrize("batches", [1, 3])
def test_the_score_of_batches_is_that_of_their_images(batches: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(2, 5, 4, dtype=torch.float64, generator=generator) for _ in range(batches)]
    labels = [torch.randint(4, (2, 5), generator=generator) for _ in range(batches)]
    score, means = score_batches([log_probabilities_of(z) for z in logits], labels)
    assert score.images == 5 * batches
    for replicate in range(2):
        losses = [
            -log_softmax(array(z[replicate]), axis=1)[np.arange(len(y[replicate])), y[replicate].numpy()]
            for z, y in zip(logits, labels, strict=True)
        ]
        assert score.loss(replicate) == pytest.approx(np.concatenate(losses).mean(), rel=1e-12)
        assert means[:, replicate].tolist() == pytest.approx([batch.mean() for batch in losses], rel=1e-12)
        right = [z[replicate].argmax(1) == y[replicate] for z, y in zip(logits, labels, strict=True)]
        assert score.accuracy(replicate) == float(torch.cat(right).sum()) / (5 * batches)
