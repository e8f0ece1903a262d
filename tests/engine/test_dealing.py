"""Which replicates train together, and on which thread."""

import pytest
import torch
from torch import nn

from bnlab.engine import dealing
from bnlab.engine.dealing import collect, collect_scores, deal, number_of_shards
from bnlab.engine.evaluation import Score
from tests.lifting.test_lifting import IMAGES, cnn, replicate

CPU = torch.device("cpu")
BATCH = torch.zeros(16, *IMAGES["mlp"])


@pytest.mark.parametrize(
    ("replicates", "threads", "shards"),
    [(1, 4, 1), (2, 2, 2), (3, 2, 2), (3, 4, 3), (4, 2, 2), (4, 4, 4), (16, 2, 2), (16, 32, 16), (16, 1, 1)],
)
def test_every_thread_has_a_shard_as_long_as_there_are_replicates(
    replicates: int, threads: int, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "bytes_per_core", lambda: 2**40)
    one = replicate("norm=batch", 0, torch.float32)
    assert number_of_shards([one] * replicates, threads, CPU, BATCH) == shards


@pytest.mark.parametrize(
    ("replicates", "threads", "shards"),
    [(4, 2, 2), (8, 2, 2), (9, 2, 4), (16, 2, 4), (64, 2, 16), (16, 1, 4), (17, 1, 5), (64, 3, 18)],
)
def test_what_a_shard_trains_fits_the_cache_and_every_thread_has_as_many(
    replicates: int, threads: int, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replicate("norm=batch", 0, torch.float32)
    weights = sum(parameter.numel() for parameter in one.model.parameters())
    # Four of weights, gradients and two moments of four bytes each, and a little.
    monkeypatch.setattr(dealing, "bytes_per_core", lambda: 4 * 16 * weights + 100)
    assert number_of_shards([one] * replicates, threads, CPU, BATCH) == shards


def test_a_replicate_larger_than_the_cache_still_has_another_in_its_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "bytes_per_core", lambda: 1000)
    assert number_of_shards([replicate("norm=batch", 0, torch.float32)] * 9, 1, CPU, BATCH) == 4


def test_replicates_with_large_kernels_have_a_shard_each(monkeypatch: pytest.MonkeyPatch) -> None:
    one, images = replicate("norm=batch", 0, torch.float32, cnn()), torch.zeros(16, *IMAGES["cnn"])
    bytes_of_a_kernel = dealing._bytes_of_a_kernel(one.model, images)
    for size, shards in ((bytes_of_a_kernel + 1, 2), (bytes_of_a_kernel, 8)):
        monkeypatch.setattr(dealing, "LARGE_KERNEL", size)
        assert number_of_shards([one] * 8, 2, CPU, images) == shards
    assert one.model.training


def test_the_bytes_of_a_kernel_are_those_that_it_writes() -> None:
    layers = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Unflatten(1, (4, 5)), nn.Flatten(), nn.Linear(20, 5))
    written = [7 * 20, 7 * 20, 7 * 5]
    assert dealing._bytes_of_a_kernel(layers, torch.zeros(7, 10)) == sum(written) * 4 / 3


def test_what_bnlab_does_not_know_or_is_on_another_device_stays_on_one_thread() -> None:
    class Scale(nn.Identity):
        """Anybody's."""

    known, own = replicate("norm=batch", 0, torch.float32), replicate("norm=none", 0, torch.float32)
    own.model.add_module("layers", nn.Sequential(Scale(), *own.model.get_submodule("layers").children()))
    assert number_of_shards([known] * 4, 2, torch.device("meta"), BATCH) == 1
    assert number_of_shards([known, known, known, own], 2, CPU, BATCH) == 1


def test_dealt_and_collected() -> None:
    all_ = [replicate("norm=none", seed, torch.float32) for seed in range(7)]
    hands = deal(all_, 3)
    assert [[one.seed for one in hand] for hand in hands] == [[0, 3, 6], [1, 4], [2, 5]]
    losses = [torch.tensor([[10.0 * step + one.seed for one in hand] for step in range(2)]) for hand in hands]
    assert torch.equal(collect(losses), torch.tensor([[10.0 * step + seed for seed in range(7)] for step in range(2)]))
    scores = [Score(step, step + 100, 5, step.unsqueeze(1) + torch.arange(5)) for _, step in losses]
    together = collect_scores(scores)
    assert (together.loss_sum.tolist(), together.correct.tolist(), together.images) == (
        [10.0 + seed for seed in range(7)],
        [110.0 + seed for seed in range(7)],
        5,
    )
    assert together.is_right is not None
    assert together.is_right.tolist() == [[10.0 + seed + image for image in range(5)] for seed in range(7)]
