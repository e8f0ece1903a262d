"""Which replicates train on which thread."""

import pytest
import torch
from torch import nn

from bnlab.shard import divide, number_of_shards
from tests.test_stack import replicate

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("replicates", "threads", "shards"), [(1, 4, 1), (3, 2, 1), (4, 2, 2), (16, 2, 2), (16, 32, 8), (16, 1, 1)]
)
def test_one_shard_per_thread_of_two_replicates_at_least(replicates: int, threads: int, shards: int) -> None:
    one = replicate("norm=batch", 0, torch.float32)
    assert number_of_shards([one] * replicates, threads, CPU) == shards


def test_what_bnlab_does_not_know_or_is_on_another_device_stays_on_one_thread() -> None:
    class Scale(nn.Identity):
        """Anybody's."""

    known, own = replicate("norm=batch", 0, torch.float32), replicate("norm=none", 0, torch.float32)
    own.model.add_module("layers", nn.Sequential(Scale(), *own.model.get_submodule("layers").children()))
    assert number_of_shards([known] * 4, 2, torch.device("meta")) == 1
    assert number_of_shards([known, known, known, own], 2, CPU) == 1


@pytest.mark.parametrize(("replicates", "shards", "sizes"), [(7, 3, [2, 2, 3]), (4, 4, [1] * 4), (5, 1, [5])])
def test_neighbours_stay_together(replicates: int, shards: int, sizes: list[int]) -> None:
    all_ = [replicate("norm=none", seed, torch.float32) for seed in range(replicates)]
    parts = divide(all_, shards)
    assert [len(part) for part in parts] == sizes
    assert [one.seed for part in parts for one in part] == list(range(replicates))
