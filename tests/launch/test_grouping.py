"""Which replicates share a stack, and in which order they stand in it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from bnlab.config import RunConfig, from_mapping
from bnlab.launch import capacity
from bnlab.launch.capacity import max_replicates
from bnlab.launch.grouping import stacks_of
from bnlab.launch.job import Job
from tests.compose import compose


def config(*overrides: str) -> RunConfig:
    return from_mapping(compose(overrides))


def test_only_shape_batch_data_and_length_separate_stacks() -> None:
    base = config()
    of_model = ["model.activation=tanh", "model.norm_position=post", "model.init=xavier", "model.bias=true"]
    rides_along = ["norm=layer", "optimizer.lr=0.1", "optimizer=sgd", "schedule=cosine", *of_model]
    of_data = ["data.batch_size=64", "data=kmnist", "data.limit=100", "data.split_seed=1"]
    separates = ["model.hidden=[64]", *of_data, "epochs=3", "steps=10"]
    assert len(stacks_of([Job(base, 0), *(Job(config(change), 0) for change in rides_along)])) == 1
    for change in separates:
        assert len(stacks_of([Job(base, 0), Job(config(change), 0)])) == 2, change


def test_convolutional_networks_of_one_shape_train_together_and_never_with_others() -> None:
    base = config("model=cnn")
    assert len(stacks_of([Job(base, 0), Job(config("model=cnn", "norm=instance"), 0)])) == 1
    assert len(stacks_of([Job(base, 0), Job(config("model=cnn", "model.channels=[8,32]"), 0)])) == 2
    assert len(stacks_of([Job(base, 0), Job(config(), 0)])) == 2


def test_replicates_of_one_run_are_neighbours_whatever_the_order_of_the_jobs() -> None:
    batch, layer = config("norm=batch"), config("norm=layer")
    (stack,) = stacks_of([Job(batch, 1), Job(layer, 0), Job(batch, 0), Job(layer, 1)])
    assert [(job.config.norm.name, job.seed) for job in stack] == [
        ("batch", 0),
        ("batch", 1),
        ("layer", 0),
        ("layer", 1),
    ]


def test_stacks_are_cut_evenly_at_the_most_replicates() -> None:
    bounded = config("stack.max_replicates=4")
    assert [len(stack) for stack in stacks_of([Job(bounded, seed) for seed in range(9)])] == [3, 3, 3]


def test_auto_bounds_a_stack_by_memory() -> None:
    narrow, wide = max_replicates(config()), max_replicates(config("model.hidden=[4000,4000]"))
    assert narrow > 100
    # 784-4000-4000-47 has 19.3 million weights; at 24 bytes each a replicate takes at least 463 MB.
    assert wide < narrow / 20


def test_auto_bounds_a_stack_on_a_gpu_by_the_gpus_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: the limit of a stack on CUDA was taken from the machine's memory."""
    here = max_replicates(config())
    per_replicate = capacity._bytes_per_replicate(config())
    gpu = SimpleNamespace(total_memory=12 * 4 * per_replicate)
    monkeypatch.setattr(capacity, "device_of", lambda config: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
    assert max_replicates(config()) == 12 != here
