"""A replicate in a stack is trained as it would be alone: same losses, same weights, same running statistics."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._inductor
from torch import Tensor, nn

from bnlab import models
from bnlab.config import (
    AdamConfig,
    CNNConfig,
    CosineConfig,
    MLPConfig,
    ModelConfig,
    OptimizerConfig,
    RMSPropConfig,
    RNNConfig,
    ScheduleConfig,
    SGDConfig,
    ViTConfig,
    from_mapping,
)
from bnlab.data import Part, Scaling, Split
from bnlab.engine.loop import train
from bnlab.engine.observer import Evaluation, Observer
from bnlab.engine.optimizer import Hyperparameters
from bnlab.engine.plan import Plan
from bnlab.engine.shard import Replicate
from bnlab.lifting import lift, lower, owned_parameters
from bnlab.lifting.linear import runs_of
from bnlab.machine import compiler
from bnlab.norms import SCHEMES
from bnlab.norms.frn import FilterResponseNorm
from bnlab.norms.variance_only_batch import VarianceOnlyBatchNorm
from bnlab.seeds import weight_generator
from tests.compose import compose

IMAGES = dict.fromkeys(("mlp", "residual"), (1, 4, 4)) | dict.fromkeys(("cnn", "vit"), (1, 8, 8))
IMAGES |= dict.fromkeys(("rnn", "gru", "tanh"), (1, 3, 4))
CLASSES = 10
ADAM = Hyperparameters(AdamConfig("adam", 1e-2, 0.0, True, [0.9, 0.999], 1e-8), ScheduleConfig("constant"))


class PerStep(Observer):
    """Keeps every replicate's loss of every step (with eval_every=1) and its last scores."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.diverged_at: dict[int, int] = {}

    def trained(self, step: int, losses: Tensor) -> None:
        assert losses.ndim == 2

    def evaluated(self, evaluation: Evaluation) -> None:
        train_score, test_score = evaluation.scores["train"], evaluation.scores["test"]
        count = len(train_score.loss_sum)
        values = [[train_score.loss(i), test_score.loss(i), test_score.accuracy(i)] for i in range(count)]
        self.losses.append(torch.tensor(values, dtype=torch.float64))

    def diverged(self, replicate: int, step: int) -> None:
        self.diverged_at[replicate] = step


def synthetic_split(image: tuple[int, ...]) -> Split:
    generator = torch.Generator().manual_seed(1)

    def part(count: int) -> Part:
        images = torch.randint(256, (count, *image), generator=generator, dtype=torch.uint8)
        return Part(images, torch.randint(CLASSES, (count,), generator=generator))

    return Split(part(83), None, part(20), CLASSES, Scaling())


OF_ALL: dict[str, Any] = {
    "activation": "relu",
    "norm_position": "pre",
    "norm_input": False,
    "norm_output": False,
    "init": "pytorch",
    "init_gain": None,
    "bias": "auto",
}
"""The settings that every model has."""


def mlp(**changes: Any) -> MLPConfig:
    settings: dict[str, Any] = {**OF_ALL, "name": "mlp", "hidden": [32, 32]}
    return MLPConfig(**settings | changes)


def replicate(
    norm: str,
    seed: int,
    dtype: torch.dtype,
    model: ModelConfig | None = None,
    hyperparameters: Hyperparameters = ADAM,
    settings: tuple[str, ...] = (),
) -> Replicate:
    config = from_mapping(compose([norm, *settings]))
    model = model or mlp()
    built = models.build(model, config.norm, IMAGES[model.name], CLASSES, weight_generator(seed)).to(dtype)
    return Replicate(built, seed, hyperparameters)


def cnn(**changes: Any) -> CNNConfig:
    settings: dict[str, Any] = {**OF_ALL, "name": "cnn", "channels": [8, 16]}
    return CNNConfig(**settings | changes)


def vit(**changes: Any) -> ViTConfig:
    settings: dict[str, Any] = {**OF_ALL, "name": "vit", "activation": "gelu"}
    settings |= {"patch": 4, "width": 16, "depth": 1, "heads": 2, "mlp_ratio": 2}
    return ViTConfig(**settings | changes)


def rnn(**changes: Any) -> RNNConfig:
    settings: dict[str, Any] = {**OF_ALL, "name": "rnn", "activation": "tanh", "cell": "lstm", "hidden": 16}
    settings |= {"sequence": "rows", "statistics": "per_step", "gamma": 0.5}
    return RNNConfig(**settings | changes)


def norms_on(model: ModelConfig, dtype: torch.dtype = torch.float32) -> list[tuple[str, str]]:
    """Every registered scheme and impl that the model can have in this type: Keras's layers have float32 only."""
    flat, spatial = isinstance(model, MLPConfig | RNNConfig), isinstance(model, CNNConfig)
    return [
        (s.name, impl)
        for s in SCHEMES.values()
        for impl in s.impls
        if not (s.spatial_only and flat)
        and not (s.name == "rms" and impl != "custom" and spatial)
        and not (impl == "keras" and dtype != torch.float32)
        and not (s.name == "rms" and impl == "keras" and isinstance(model, RNNConfig))  # it is not without gamma
    ]


def settings_for(norm: str, impl: str) -> tuple[str, ...]:
    """Groups of four channels: of groups of one or two nothing is left but rounding errors, or signs.

    Ghosts of a quarter of the batch, and a schedule of batch renorm that ends within the steps.
    """
    groups = ["norm.num_groups=8"] if norm in ("group", "weight_standardization") else []
    few = {"ghost_batch": ["norm.virtual_batch_size=5"], "batch_renorm": ["norm.schedule_scale=0.0001"]}
    return (f"norm.impl={impl}", *groups, *few.get(norm, []))


def everything_mixed(dtype: torch.dtype) -> list[Replicate]:
    """Every scheme and impl twice, and replicates that differ in whatever may differ inside one stack."""
    mixed = [
        replicate(f"norm={n}", seed, dtype, settings=settings_for(n, i))
        for n, i in norms_on(mlp(), dtype)
        for seed in (0, 1)
    ]
    cosine = CosineConfig("cosine", 0.1)
    sgd = Hyperparameters(SGDConfig("sgd", 0.05, 0.01, False, 0.9, True), cosine)
    adamw = Hyperparameters(AdamConfig("adamw", 3e-3, 0.1, True, [0.8, 0.99], 1e-7), ScheduleConfig("constant"))
    rmsprop = Hyperparameters(RMSPropConfig("rmsprop", 1e-3, 0.01, True, 0.9, 0.5, 1e-8), cosine)
    by_unit = dataclasses.replace(sgd, optimizer=dataclasses.replace(sgd.optimizer, adaptive_clip=0.01))
    mixed += [
        replicate("norm=batch", 2, dtype, mlp(norm_position="post", activation="tanh"), sgd),
        replicate("norm=layer", 0, dtype, mlp(norm_input=True, norm_output=True, activation="gelu"), adamw),
        replicate("norm=batch", 1, dtype, mlp(norm_input=True, init="xavier", bias=True), sgd),
        replicate("norm=batch", 1, dtype, settings=("norm.eps=0.1", "norm.momentum=0.5"), hyperparameters=adamw),
        # No bias: before a batch norm its gradient is zero but for rounding, which Adam blows up to steps of full size.
        replicate("norm=batch", 1, dtype, mlp(bias=False), settings=("norm.affine=false", "norm.momentum=null")),
        replicate("norm=batch", 1, dtype, settings=("norm.track_running_stats=false",)),
        replicate("norm=group", 3, dtype, mlp(init="normal", init_gain=0.2), settings=("norm.num_groups=4",)),
        replicate("norm=weight_norm", 1, dtype, settings=("norm.impl=custom", "norm.then=layer")),
        replicate("norm=batch", 0, dtype, mlp(norm_at=[1]), hyperparameters=clipped(0.5, sgd)),
        replicate("norm=layer", 2, dtype, hyperparameters=clipped(0.1, rmsprop)),
        replicate("norm=none", 2, dtype, hyperparameters=by_unit),
    ]
    return mixed


def clipped(longest: float, by: Hyperparameters) -> Hyperparameters:
    return dataclasses.replace(by, optimizer=dataclasses.replace(by.optimizer, clip_norm=longest))


def residual(dtype: torch.dtype) -> list[Replicate]:
    """Deep networks with residual layers and dropout, by schemes that are lifted in each way."""
    deep = mlp(hidden=None, width=16, depth=5, residual=True, dropout=0.2)
    norms = [("none", "native"), ("batch", "native"), ("batch", "custom"), ("layer", "native"), ("dyt", "custom")]
    by = clipped(0.3, ADAM)
    mixed = [
        replicate(f"norm={norm}", seed, dtype, deep, by, settings=(f"norm.impl={impl}",))
        for norm, impl in norms
        for seed in (0, 1)
    ]
    return [*mixed, replicate("norm=batch", 2, dtype, dataclasses.replace(deep, dropout=0.5, norm_at=[0, 4]))]


def convolutional(dtype: torch.dtype) -> list[Replicate]:
    """Every scheme and impl twice on a convolutional network, and the settings that change its layers."""
    sgd = Hyperparameters(SGDConfig("sgd", 0.01, 0.01, False, 0.9, True), ScheduleConfig("constant"))

    def one(norm: str, seed: int, *settings: str, **changes: Any) -> Replicate:
        by = changes.pop("by", ADAM)
        return replicate(f"norm={norm}", seed, dtype, cnn(**changes), by, settings=settings)

    groups = {"group": ("norm.num_groups=2",), "weight_standardization": ("norm.num_groups=2",)}
    mixed = [
        one(norm, seed, *settings_for(norm, impl)[:1], *groups.get(norm, settings_for(norm, impl)[1:]))
        for norm, impl in norms_on(cnn(), dtype)
        for seed in (0, 1)
    ]
    return [
        *mixed,
        one("batch", 2, norm_position="post", activation="tanh", bias=True, by=sgd),
        one("layer", 0, norm_input=True, norm_output=True),
        one("instance", 1, "norm.track_running_stats=true", "norm.impl=custom", norm_input=True),
        one("instance", 1, "norm.track_running_stats=true", norm_input=True),
        one("batch", 1, "norm.affine=false", init="kaiming", bias=False),
        one("weight_standardization", 1, "norm.then=batch"),
        one("weight_norm", 1, "norm.then=batch"),
        one("weight_norm", 1, "norm.impl=custom", "norm.then=group", "norm.num_groups=2"),
    ]


def of_tokens(dtype: torch.dtype) -> list[Replicate]:
    """Every scheme and impl twice on a vision transformer, and the settings that change its layers.

    By gradient descent: the bias of the keys, and of what a norm of features follows, has a gradient of zero but for
    rounding, which Adam blows up to steps of full size.
    """
    sgd = Hyperparameters(SGDConfig("sgd", 0.05, 0.01, False, 0.9, True), ScheduleConfig("constant"))
    adamw = Hyperparameters(AdamConfig("adamw", 3e-3, 0.1, False, [0.8, 0.99], 1e-7), ScheduleConfig("constant"))

    def one(norm: str, seed: int, *settings: str, by: Hyperparameters = sgd, **changes: Any) -> Replicate:
        return replicate(f"norm={norm}", seed, dtype, vit(**changes), by, settings=settings)

    groups = {"group": ("norm.num_groups=4",), "weight_standardization": ("norm.num_groups=4",)}
    # Standardized weights make the attention's logits so large that it learns in jumps.
    gentle = Hyperparameters(SGDConfig("sgd", 1e-4, 0.0, True, 0.0, False), ScheduleConfig("constant"))
    rates = {"weight_standardization": gentle}
    mixed = [
        one(norm, seed, *settings_for(norm, impl)[:1], *groups.get(norm, settings_for(norm, impl)[1:]), by=by)
        for norm, impl in norms_on(vit(), dtype)
        for by in [rates.get(norm, sgd)]
        for seed in (0, 1)
    ]
    return [
        *mixed,
        one("layer", 2, norm_position="post", activation="relu"),
        one("batch", 0, norm_position="post", norm_input=True, norm_output=True),
        one("none", 1, init="xavier", bias=False, by=adamw),
        one("weight_norm", 1, "norm.impl=custom", "norm.then=layer"),
    ]


def recurrent(dtype: torch.dtype) -> list[Replicate]:
    """Every scheme and impl twice on an LSTM, and the settings that change its layers, but for the other cells."""

    def one(norm: str, seed: int, *settings: str, **changes: Any) -> Replicate:
        return replicate(f"norm={norm}", seed, dtype, rnn(**changes), clipped(1.0, ADAM), settings=settings)

    groups = {"group": ("norm.num_groups=4",), "weight_standardization": ("norm.num_groups=4",)}
    mixed = [
        one(norm, seed, *settings_for(norm, impl)[:1], *groups.get(norm, settings_for(norm, impl)[1:]))
        for norm, impl in norms_on(rnn(), dtype)
        for seed in (0, 1)
    ]
    return [
        *mixed,
        one("batch", 2, statistics="shared"),
        one("batch", 0, "norm.affine=false", norm_output=True),
        one("layer", 2, norm_input=True, gamma=1.0),
    ]


def cells(cell: str, sequence: str, dtype: torch.dtype) -> list[Replicate]:
    """The others, by schemes that are lifted in each way."""
    norms = [("none", "native"), ("batch", "native"), ("batch", "custom"), ("layer", "native"), ("dyt", "custom")]
    model, by = rnn(cell=cell, sequence=sequence), clipped(0.5, ADAM)
    return [
        replicate(f"norm={norm}", seed, dtype, model, by, settings=(f"norm.impl={impl}",))
        for norm, impl in norms
        for seed in (0, 1)
    ] + [replicate("norm=layer", 2, dtype, model)]


MIXED: dict[str, Callable[[torch.dtype], list[Replicate]]] = {
    "mlp": everything_mixed,
    "residual": residual,
    "cnn": convolutional,
    "vit": of_tokens,
    "rnn": recurrent,
    "gru": functools.partial(cells, "gru", "rows"),
    "tanh": functools.partial(cells, "tanh", "permuted_pixels"),
}


SOME_OF_EACH = [model for model in MIXED if model != "rnn"]
"""Without the one that takes longest: of `gru` and `tanh` the layers are the same."""


def run(replicates: list[Replicate], steps: int, model: str = "mlp", **how: Any) -> PerStep:
    observer = PerStep()
    # 83 images in batches of 20: the last batch of an epoch has 3.
    plan = Plan(batch_size=20, drop_last=False, steps_per_epoch=5, total_steps=steps, eval_every=1)
    train(replicates, synthetic_split(IMAGES[model]), plan, torch.device("cpu"), observer, **how)
    return observer


STEPS = 6
"""One more than an epoch has."""


@functools.cache
def trained_together(model: str, steps: int = STEPS) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """The losses and scores of all of a mixed stack in float64, and the states of its replicates."""
    stacked = MIXED[model](torch.float64)
    losses = torch.stack(run(stacked, steps, model).losses)
    return losses, [copy.deepcopy(each.model.state_dict()) for each in stacked]


def one_of_each_pair(replicates: list[Replicate], seed: int) -> list[tuple[int, Replicate]]:
    """Those to train alone too: of every scheme and impl, which come first with seeds 0 and 1, one; and all others."""
    pairs = next(index for index, each in enumerate(replicates) if each.seed > 1)
    return [(index, each) for index, each in enumerate(replicates) if index >= pairs or each.seed == seed]


def thorough(*values: object) -> Any:
    """A case that takes long."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("model", "steps"),
    [(model, STEPS) for model in MIXED] + [thorough("mlp", 30), thorough("cnn", 30)],
)
def test_float64_stack_equals_single_runs_at_every_step(model: str, steps: int) -> None:
    together, states = trained_together(model, steps)
    for index, single in one_of_each_pair(MIXED[model](torch.float64), seed=0):
        expected = torch.stack(run([single], steps, model).losses)[:, 0]
        torch.testing.assert_close(together[:, index], expected, rtol=1e-9, atol=1e-9)
        for name, value in single.model.state_dict().items():
            torch.testing.assert_close(states[index][name], value, rtol=1e-9, atol=1e-9, msg=name)


MAGNIFYING: dict[str, tuple[type[nn.Module], ...]] = {
    "mlp": (FilterResponseNorm,),
    "cnn": (),
    "vit": (FilterResponseNorm, VarianceOnlyBatchNorm),
    "gru": (FilterResponseNorm,),
}
"""These make much of a rounding error: the first is nearly a sign over few values, the second's loss soars in vit."""


@pytest.mark.parametrize(
    ("model", "every"), [("mlp", 3), thorough("mlp", 1), thorough("cnn", 1), thorough("vit", 1), ("gru", 1)]
)
def test_float32_stack_equals_single_runs_in_the_first_losses(model: str, every: int) -> None:
    """Every third has all of Keras's layers, which float64 has not, among them."""
    stacked, alone = MIXED[model](torch.float32), MIXED[model](torch.float32)
    together = torch.stack(run(stacked, STEPS, model).losses)[:, :, 0]
    for index, single in one_of_each_pair(alone, seed=1)[every // 2 :: every]:
        if any(isinstance(layer, MAGNIFYING[model]) for layer in single.model.modules()):
            continue  # float64 is above
        expected = torch.stack(run([single], STEPS, model).losses)[:, 0, 0]
        torch.testing.assert_close(together[:, index], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", SOME_OF_EACH)
def test_a_stack_gives_the_same_bits_twice(model: str) -> None:
    first, second = (torch.stack(run(MIXED[model](torch.float32)[::2], 2, model).losses) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("model", "every"), [("mlp", 1), ("residual", 2), thorough("cnn", 1), ("cnn", 4), ("vit", 4), ("gru", 3)]
)
def test_shards_on_threads_of_their_own_train_as_one_stack_does(model: str, every: int) -> None:
    divided = MIXED[model](torch.float64)[::every]
    one, states = trained_together(model)
    three = torch.stack(run(divided, STEPS, model, threads=3).losses)
    torch.testing.assert_close(three, one[:, ::every], rtol=1e-9, atol=1e-9)
    for mine, state in zip(divided, states[::every], strict=True):
        for name, value in state.items():
            torch.testing.assert_close(mine.model.state_dict()[name], value, rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.slow
@pytest.mark.skipif(compiler.fault() is not None, reason="needs a C++ compiler")
def test_a_compiled_step_trains_as_the_plain_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    original, compilations = torch._inductor.compile, []

    def counted(*arguments: Any, **options: Any) -> Any:
        compilations.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(torch._inductor, "compile", counted)

    def eight() -> list[Replicate]:
        norms = [("batch", "native"), ("batch", "custom"), ("layer", "native"), ("group", "custom")]
        return [
            replicate(f"norm={norm}", seed, torch.float64, settings=settings_for(norm, impl))
            for norm, impl in norms
            for seed in (0, 1)
        ]

    plain, compiled = eight(), eight()
    expected = torch.stack(run(plain, 50).losses)
    losses = torch.stack(run(compiled, 50, threads=2, compiled=True).losses)
    assert len(compilations) == 2  # a shard each
    torch.testing.assert_close(losses, expected, rtol=1e-9, atol=1e-9)
    for mine, other in zip(compiled, plain, strict=True):
        for name, value in other.model.state_dict().items():
            torch.testing.assert_close(mine.model.state_dict()[name], value, rtol=1e-9, atol=1e-9, msg=name)


def test_a_module_of_ones_own_is_looped_over_and_trained() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(2.0))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.factor

    plain = [nn.Sequential(nn.Linear(4, 4), Scale(), nn.Linear(4, 3)).double() for _ in range(3)]
    copies = copy.deepcopy(plain)
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    stack = lift(plain)
    stack(x).square().sum().backward()
    expected = [model(part) for model, part in zip(copies, x, strict=True)]
    torch.testing.assert_close(stack(x), torch.stack(expected))
    torch.stack(expected).square().sum().backward()
    for owned in owned_parameters(stack):
        assert owned.tensor.grad is not None
    factors = [owned for owned in owned_parameters(stack) if owned.tensor.ndim == 0]
    theirs = [parameter.grad for model in copies for parameter in model.parameters() if parameter.ndim == 0]
    assert [owned.owners for owned in factors] == [[0], [1], [2]]
    for owned, gradient in zip(factors, theirs, strict=True):
        torch.testing.assert_close(owned.tensor.grad, gradient)


def test_a_diverged_replicate_leaves_the_others_as_they_are() -> None:
    wild = Hyperparameters(SGDConfig("sgd", 1e30, 0.0, True, 0.0, False), ScheduleConfig("constant"))

    def three(middle: Hyperparameters) -> list[Replicate]:
        return [replicate("norm=none", 0, torch.float32), replicate("norm=none", 1, torch.float32, None, middle),
                replicate("norm=batch", 2, torch.float32)]  # fmt: skip

    observer, calm = run(three(wild), 12), run(three(ADAM), 12)
    # Its first step is finite; the weights that it leaves are found out by the evaluation after it.
    assert observer.diverged_at == {1: 1}
    ours, theirs = torch.stack(observer.losses), torch.stack(calm.losses)
    torch.testing.assert_close(ours[:, [0, 2]], theirs[:, [0, 2]], rtol=1e-4, atol=1e-5)


def test_rows_without_a_bias_stay_zero_and_belong_to_nobody() -> None:
    plain = [nn.Linear(3, 2, bias=True), nn.Linear(3, 2, bias=False)]
    stack = lift(plain)
    bias = next(owned for owned in owned_parameters(stack) if owned.tensor.shape == (2, 2))
    assert list(bias.owners) == [0, None]
    assert torch.equal(bias.tensor[1], torch.zeros(2))


def test_lower_brings_trained_values_back() -> None:
    plain = [nn.Linear(3, 2), nn.Linear(3, 2)]
    stack = lift(plain)
    with torch.no_grad():
        for owned in owned_parameters(stack):
            owned.tensor.add_(1.0)
    before = [copy.deepcopy(p.state_dict()) for p in plain]
    lower(stack)
    for old, new in zip(before, plain, strict=True):
        torch.testing.assert_close(new.weight.detach(), old["weight"] + 1)
        torch.testing.assert_close(new.bias.detach(), old["bias"] + 1)


@pytest.mark.parametrize("model", [mlp(), cnn(), vit(), rnn()], ids=["mlp", "cnn", "vit", "rnn"])
def test_every_scheme_is_lifted_and_not_looped_over(model: ModelConfig) -> None:
    for norm, impl in norms_on(model):
        settings = (f"norm.impl={impl}",)
        stack = lift([replicate(f"norm={norm}", s, torch.float32, model, settings=settings).model for s in (0, 1)])
        names = {type(module).__name__ for module in stack.modules()}
        loops = (norm, impl) == ("weight_norm", "native")  # PyTorch's own has no vectorized form
        assert ("Looped" in names) == loops, f"norm={norm} norm.impl={impl} does not declare what it treats alone"
        assert "Cut" not in names, f"norm={norm} norm.impl={impl} of two seeds is not of one kind"


def test_a_subclass_of_a_known_norm_may_do_anything_and_is_looped_over() -> None:
    class Doubled(nn.BatchNorm1d):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # its name in PyTorch
            return 2 * super().forward(input.flip(1))

    plain = [nn.Sequential(nn.Linear(4, 4), Doubled(4)).double() for _ in range(2)]
    copies = copy.deepcopy(plain)
    stack = lift(plain)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    expected = torch.stack([model(part) for model, part in zip(copies, x, strict=True)])
    torch.testing.assert_close(stack(x), expected)


def test_hyperparameters_in_any_order_reach_their_own_replicates() -> None:
    rates = [1e-2, 1e-3, 1e-2, 1e-1]

    def each() -> list[Replicate]:
        kinds: list[OptimizerConfig] = [SGDConfig("sgd", lr, 0.0, True, 0.0, False) for lr in rates]
        constant = ScheduleConfig("constant")
        return [replicate("norm=batch", 0, torch.float64, None, Hyperparameters(kind, constant)) for kind in kinds]

    together = torch.stack(run(each(), 8).losses)
    alone = [torch.stack(run([single], 8).losses)[:, 0] for single in each()]
    for index, expected in enumerate(alone):
        torch.testing.assert_close(together[:, index], expected, rtol=1e-9, atol=1e-9)
    assert all(not torch.allclose(a, b) for a, b in itertools.combinations([alone[0], alone[1], alone[3]], 2))


@pytest.mark.parametrize("seeds", [[9, 7], [9, 7, 9, 7], [1, 1, 1], [3, 1, 2, 1, 2, 5], [0, 0, 1, 1], [2, 0, 1, 2]])
@pytest.mark.parametrize("norm_input", [False, True])
def test_each_replicate_takes_the_batches_of_its_seed(seeds: list[int], norm_input: bool) -> None:
    """Shared batches are not copied; distinct seeds that were not in ascending order once got each other's batches."""
    schemes = itertools.cycle(["batch", "none", "layer"])
    kinds = [(f"norm={scheme}", seed) for scheme, seed in zip(schemes, seeds, strict=False)]

    def each() -> list[Replicate]:
        return [replicate(norm, seed, torch.float64, mlp(norm_input=norm_input)) for norm, seed in kinds]

    together = torch.stack(run(each(), 8).losses)
    for index, single in enumerate(each()):
        expected = torch.stack(run([single], 8).losses)[:, 0]
        torch.testing.assert_close(together[:, index], expected, rtol=1e-9, atol=1e-9)


def test_runs_of_replicates_cover_each_once_with_its_batch() -> None:
    for takes in ([0], [0, 1, 2], [0, 1, 0, 1], [1, 0, 0, 1, 2], [2, 2, 2]):
        pairs = [(run.start + i, run.first + i) for run in runs_of(takes) for i in range(run.stop - run.start)]
        assert pairs == list(enumerate(takes))
    assert len(runs_of([0, 1, 2, 0, 1, 2])) == 2
