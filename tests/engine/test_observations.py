"""What a step shows: of each replicate, what a plain model has at that step; and nothing else changes by looking."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Scaling
from bnlab.engine.dealing import collect_observed
from bnlab.engine.optimizer import StackOptimizer
from bnlab.engine.plan import Plan
from bnlab.engine.shard import Chunk, Replicate, Shard
from bnlab.engine.step import WORTH_RECORDING, Step
from bnlab.lifting import Observation, Watch, lift, owned_parameters
from bnlab.machine import compiler
from tests.lifting.test_declarations import NORMS, four
from tests.lifting.test_declarations import batches as recurrent_batches
from tests.lifting.test_lifting import ADAM, CLASSES, IMAGES, replicate, synthetic_split

NORM = "layers.3"


def moments(inputs: Sequence[Tensor]) -> Tensor:
    """Mean and variance of each of a layer's channels, (R, 2, C)."""
    (x,) = inputs
    return torch.stack([x.mean(1), x.var(1, correction=0)], dim=1)


OF_A_NORM = Observation("moments", NORM, moments)


class Doubled(nn.BatchNorm1d):
    """A stranger's, which is looped over."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # its name in PyTorch
        return 2 * super().forward(input)


def models_of(norms: Sequence[str]) -> list[nn.Module]:
    models = [
        replicate("norm=batch" if n == "own" else f"norm={n}", i, torch.float64).model for i, n in enumerate(norms)
    ]
    for model, norm in zip(models, norms, strict=True):
        if norm == "own":
            model.get_submodule("layers")[3] = Doubled(32).double()  # type: ignore[operator]  # a Sequential
    return models


def batches(steps: int, seeds: int) -> list[tuple[Tensor, Tensor]]:
    """Images of distinct seeds, and labels; an epoch's last, smaller batch in between."""
    generator = torch.Generator().manual_seed(3)
    sizes = [16 if number != 1 else 7 for number in range(steps)]
    return [
        (
            torch.randint(256, (seeds, size, *IMAGES["mlp"]), generator=generator, dtype=torch.uint8),
            torch.randint(CLASSES, (seeds, size), generator=generator),
        )
        for size in sizes
    ]


def run(
    models: Sequence[nn.Module],
    data: Sequence[tuple[Tensor, Tensor]],
    takes: Sequence[int],
    declared: Sequence[Observation],
    *,
    records: bool = False,
    compiled: bool = False,
) -> tuple[list[list[Tensor]], list[Tensor], Step]:
    """What each step returns, and what is in the stack afterwards."""
    stack = lift(models, takes)
    watch = Watch(stack, declared, takes)
    owned = owned_parameters(stack)
    optimizer = StackOptimizer(owned, [ADAM] * len(models), len(data), len(data))
    parameters = [each.tensor for each in owned]
    total = WORTH_RECORDING if records else 0
    step = Step(stack, parameters, optimizer, Scaling(), 16, total, compiled=compiled, warn=pytest.fail, watch=watch)
    seen = [
        [value.clone() for value in step(number, images, labels[list(takes)])]
        for number, (images, labels) in enumerate(data)
    ]
    return seen, [value.detach() for value in stack.state_dict().values()], step


def expected(model: nn.Module, data: Sequence[tuple[Tensor, Tensor]], seed: int) -> list[Tensor]:
    """The moments (2, C) at each step of a plain model, trained by PyTorch's own means."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first: nn.Sequential = model.get_submodule("layers")[:3]  # type: ignore[index]  # a Sequential
    found = []
    for images, labels in data:
        pixels = Scaling().to_float(images[seed], torch.float64)
        x = first(pixels).detach().numpy()
        found.append(torch.stack([torch.from_numpy(x.mean(0)), torch.from_numpy(x.var(0))]))
        optimizer.zero_grad()
        F.cross_entropy(model(pixels), labels[seed]).backward()
        optimizer.step()
    return found


@pytest.mark.parametrize(
    ("norms", "takes"),
    [
        (["batch"], [0]),
        (["batch", "batch", "batch"], [0, 1, 2]),
        (["layer", "layer", "layer"], [0, 1, 0]),
        (["none", "batch", "dyt", "dyt"], [0, 0, 0, 0]),  # cut at the layer that is observed
        (["batch", "own", "own"], [0, 1, 2]),  # some are looped over there
    ],
)
@pytest.mark.parametrize("records", [False, True])
def test_each_replicate_shows_what_a_plain_model_has(norms: list[str], takes: list[int], records: bool) -> None:
    models = models_of(norms)
    copies, data = copy.deepcopy(models), batches(4, max(takes) + 1)
    seen, _, step = run(models, data, takes, [OF_A_NORM], records=records)
    assert (step._full_batch != step._plain) is (records and "own" not in norms)
    for number, (model, seed) in enumerate(zip(copies, takes, strict=True)):
        for (_, found), mine in zip(seen, expected(model, data, seed), strict=True):
            torch.testing.assert_close(found[number], mine, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(compiler.fault() is not None, reason="needs a C++ compiler")
def test_a_compiled_step_shows_the_same() -> None:
    models = models_of(["batch", "batch"])
    copies, data = copy.deepcopy(models), batches(4, 2)
    seen, _, step = run(models, data, [0, 1], [OF_A_NORM], compiled=True)
    assert step._full_batch != step._plain
    for number, model in enumerate(copies):
        for (_, found), mine in zip(seen, expected(model, data, number), strict=True):
            torch.testing.assert_close(found[number], mine, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("records", [False, True])
def test_looking_changes_no_bit(records: bool) -> None:
    models = models_of(["batch", "layer"])
    copies, data = copy.deepcopy(models), batches(4, 2)
    both = [OF_A_NORM, Observation("images", "", lambda inputs: inputs[0].flatten(1).amax(1))]
    seen, state, _ = run(models, data, [0, 1], both, records=records)
    unseen, other_state, step = run(copies, data, [0, 1], [], records=records)
    assert [len(values) for values in seen] == [3] * 4
    assert [len(values) for values in unseen] == [1] * 4
    assert all(torch.equal(mine[0], other[0]) for mine, other in zip(seen, unseen, strict=True))
    assert all(torch.equal(mine, other) for mine, other in zip(state, other_state, strict=True))
    assert not any(module._forward_pre_hooks for module in step._stack.modules())
    largest = [Scaling().to_float(images, torch.float64).flatten(1).amax(1) for images, _ in data]
    assert all(torch.equal(values[2], mine) for values, mine in zip(seen, largest, strict=True))


def test_what_is_a_view_of_the_state_is_shown_as_it_was_at_the_step() -> None:
    models, data = models_of(["batch"]), batches(4, 1)
    of_weights = Observation("weights", NORM, lambda inputs: models[0].get_parameter("layers.3.weight")[None])
    seen, _, _ = run(models, data, [0], [of_weights], records=True)
    assert torch.equal(seen[0][1], torch.ones(1, 32))  # gamma's start, which the first step moves
    assert not torch.equal(seen[1][1], torch.ones(1, 32))


@pytest.mark.parametrize("records", [False, True])
def test_a_layer_that_is_called_at_every_time_step_shows_each(records: bool) -> None:
    models, data = four(NORMS["sample"], torch.float64), recurrent_batches(3, 4)
    copies = copy.deepcopy(models)
    of_states = Observation(
        "states", "cell.activation", lambda inputs: torch.stack([x.mean((1, 2)) for x in inputs], 1)
    )
    seen, _, _ = run(models, data, range(4), [of_states], records=records)
    assert seen[0][1].shape == (4, 4)  # four rows
    for number, model in enumerate(copies):
        means: list[Tensor] = []
        activation = model.get_submodule("cell.activation")
        activation.register_forward_hook(lambda _, arguments, y, means=means: means.append(arguments[0].mean()))
        model(Scaling().to_float(data[0][0][number], torch.float64))
        torch.testing.assert_close(seen[0][1][number], torch.stack(means).detach(), rtol=1e-9, atol=1e-9)


def test_shards_tell_of_their_steps_and_leave_the_models_as_they_were() -> None:
    replicates = [replicate("norm=batch", seed, torch.float64) for seed in (0, 1, 2)]
    plan = Plan(batch_size=10, drop_last=True, steps_per_epoch=8, total_steps=8, eval_every=None)

    def chunk(mine: Sequence[Replicate]) -> Chunk:
        data, cpu = synthetic_split(IMAGES["mlp"]), torch.device("cpu")
        shard = Shard(mine, data, plan, cpu, compiled=False, warn=pytest.fail, observations=[OF_A_NORM])
        trained = shard.train(3, threading.Event())
        shard.evaluate()  # which shows nothing
        assert shard.train(2, threading.Event()).observed["moments"].shape == (2, len(mine), 2, 32)
        shard.lower()
        return trained

    whole = chunk(copy.deepcopy(replicates)).observed["moments"]
    assert whole.shape == (3, 3, 2, 32)
    assert len(whole.unique(dim=0)) == 3
    dealt = collect_observed([chunk(copy.deepcopy(replicates[0::2])), chunk(replicates[1::2])])
    torch.testing.assert_close(dealt["moments"], whole, rtol=1e-9, atol=1e-9)
    assert not any(module._forward_pre_hooks for module in replicates[1].model.modules())


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ([Observation("a", "layers.33", moments)], "'a' is of the layer 'layers.33', which the model does not have"),
        ([Observation("a", "layers.3.then", moments)], "inside a layer that is called for all replicates at once"),
        ([OF_A_NORM, OF_A_NORM], "names of their own, not moments, moments"),
        ([Observation("a", NORM, lambda inputs: inputs[0].mean())], r"'a' is of shape \(\); its first axis is the"),
    ],
)
def test_what_cannot_be_observed_is_said(declared: list[Observation], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        run(models_of(["batch", "batch"]), batches(1, 2), [0, 1], declared)


def test_a_layer_that_no_step_calls_is_said() -> None:
    class Idle(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self[0](x.flatten(1))
            return y

    models: list[nn.Module] = [Idle(nn.Linear(16, CLASSES), nn.ReLU()).double()]
    with pytest.raises(ValueError, match="does not call the layer '1'"):
        run(models, batches(1, 1), [0], [Observation("a", "1", moments)])
