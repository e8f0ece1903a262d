"""Models and layers that nothing in bnlab knows are lifted and recorded by what they declare, and by that alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.config import AdamConfig, ScheduleConfig
from bnlab.data import Scaling
from bnlab.declarations import Calls, Each
from bnlab.engine.optimizer import Hyperparameters, StackOptimizer
from bnlab.engine.step import WORTH_RECORDING, Step
from bnlab.lifting import depends_on_tensors_alone, is_known_throughout, lift, lower, owned_parameters
from bnlab.norms.batch import BatchNorm

ROWS, COLUMNS, HIDDEN, CLASSES = 4, 5, 6, 3


class Cell(nn.Module):
    """h' = tanh(norm(W x + U h)), one step of a recurrent network."""

    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.of_input = nn.Linear(COLUMNS, HIDDEN)
        self.of_state = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.norm = norm
        self.activation = nn.Tanh()

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        y: Tensor = self.activation(self.norm(self.of_input(x) + self.of_state(state)))
        return y


class Recurrent(nn.Module):
    """Reads an image row by row, with the same weights; a layer in the end stands at two places."""

    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.cell = Cell(norm)
        self.head = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.again = self.head[0]
        self.logits = nn.Linear(HIDDEN, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        rows = images.squeeze(-3).unbind(-2)
        state = rows[0].new_zeros(*rows[0].shape[:-1], HIDDEN)
        for row in rows:
            state = self.cell(row, state)
        logits: Tensor = self.logits(self.again(self.head(state)))
        return logits


NORMS: dict[str, Callable[[], nn.Module]] = {
    "feature": lambda: nn.BatchNorm1d(HIDDEN),
    "feature over axes": lambda: BatchNorm(HIDDEN, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True),
    "sample": lambda: nn.LayerNorm(HIDDEN),
}


def four(norm: Callable[[], nn.Module], dtype: torch.dtype) -> list[nn.Module]:
    torch.manual_seed(0)
    return [Recurrent(norm()).to(dtype) for _ in range(4)]


def batches(count: int, seeds: int) -> list[tuple[Tensor, Tensor]]:
    """Images (U, N, 1, rows, columns) and labels (U, N) of distinct seeds."""
    generator = torch.Generator().manual_seed(1)
    shape = (seeds, 16, 1, ROWS, COLUMNS)
    return [
        (
            torch.randint(256, shape, generator=generator, dtype=torch.uint8),
            torch.randint(CLASSES, shape[:2], generator=generator),
        )
        for _ in range(count)
    ]


def trained(
    models: Sequence[nn.Module], data: Sequence[tuple[Tensor, Tensor]], takes: Sequence[int], total_steps: int
) -> tuple[list[Tensor], Step]:
    """The log-probabilities of each step; the models hold what was trained."""
    stack = lift(models, takes)
    owned = owned_parameters(stack)
    adam = Hyperparameters(AdamConfig("adam", 1e-2, 0.0, True, [0.9, 0.999], 1e-8), ScheduleConfig("constant"))
    optimizer = StackOptimizer(owned, [adam] * len(models), len(data), len(data))
    parameters = [each.tensor for each in owned]
    step = Step(stack, parameters, optimizer, Scaling(), 16, total_steps, compiled=False, warn=pytest.fail)
    seen = [step(number, images, labels[list(takes)])[0].clone() for number, (images, labels) in enumerate(data)]
    lower(stack)
    return seen, step


def alone(model: nn.Module, data: Sequence[tuple[Tensor, Tensor]], seed: int) -> list[Tensor]:
    """The same of one model, by PyTorch's own means."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    seen = []
    for images, labels in data:
        found = F.log_softmax(model(Scaling().to_float(images[seed], torch.float64)), dim=1)
        seen.append(found.detach().T)
        optimizer.zero_grad()
        F.nll_loss(found, labels[seed]).backward()
        optimizer.step()
    return seen


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("takes", [[0, 1, 2, 3], [0, 1, 0, 1]])
def test_a_recurrent_model_of_ones_own_is_trained_in_a_stack_as_alone(norm: str, takes: list[int]) -> None:
    models = four(NORMS[norm], torch.float64)
    singles, ones = copy.deepcopy(models), copy.deepcopy(models)
    data = batches(8, seeds=max(takes) + 1)
    together, _ = trained(models, data, takes, total_steps=0)
    for number, (single, seed) in enumerate(zip(singles, takes, strict=True)):
        expected = alone(single, data, seed)
        for step, values in zip(together, expected, strict=True):
            torch.testing.assert_close(step[number], values, rtol=1e-9, atol=1e-9)
        for name, value in single.state_dict().items():
            torch.testing.assert_close(models[number].state_dict()[name], value, rtol=1e-9, atol=1e-9, msg=name)
    of_the_first = [(images[:1], labels[:1]) for images, labels in data]
    by_itself, _ = trained(ones[:1], of_the_first, [0], total_steps=0)
    torch.testing.assert_close(torch.cat(by_itself), torch.stack([step[0] for step in together]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("replicates", [1, 4])
def test_a_recurrent_model_of_ones_own_is_recorded_with_the_same_bits(norm: str, replicates: int) -> None:
    models = four(NORMS[norm], torch.float32)[:replicates]
    copies, data = copy.deepcopy(models), batches(4, replicates)
    plain, _ = trained(models, data, range(replicates), total_steps=0)
    recorded, step = trained(copies, data, range(replicates), total_steps=WORTH_RECORDING)
    assert step._full_batch != step._plain
    assert all(torch.equal(mine, other) for mine, other in zip(recorded, plain, strict=True))
    for mine, other in zip(copies, models, strict=True):
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in mine.state_dict().items())


def test_what_declares_nothing_is_looped_over_wherever_it_is_held() -> None:
    class Odd(BatchNorm):
        """A subclass, which may do anything: what its base declares is not its own."""

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + x.flip(0)

    def odd() -> nn.Module:
        return Odd(HIDDEN, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True)

    models = four(odd, torch.float64)
    assert not is_known_throughout(models[0])
    copies, (images, _) = copy.deepcopy(models), batches(1, 4)[0]
    stack = lift(models)
    assert not depends_on_tensors_alone(stack)
    expected = torch.stack([model(part.double()) for model, part in zip(copies, images, strict=True)])
    torch.testing.assert_close(stack(images.double()), expected, rtol=1e-9, atol=1e-9)


def test_models_that_differ_in_a_private_attribute_are_not_taken_for_one() -> None:
    class Power(nn.Module):
        treats_alone = Each.VALUE

        def __init__(self, exponent: int) -> None:
            super().__init__()
            self._exponent = exponent

        def forward(self, x: Tensor) -> Tensor:
            return x**self._exponent

    x = torch.tensor([[[2.0]], [[2.0]], [[2.0]]])
    assert lift([Power(1), Power(1), Power(3)])(x).flatten().tolist() == [2, 2, 8]


def test_a_convolution_of_ones_own_settings_is_lifted_with_them() -> None:
    def pair(**settings: Any) -> list[nn.Module]:
        return [nn.Sequential(nn.Conv2d(2, 4, 3, **settings), nn.Flatten(1, 2)).double() for _ in range(2)]

    x = torch.randn(2, 3, 2, 9, 9, generator=torch.Generator().manual_seed(0)).double()
    for settings in ({"stride": 2}, {"dilation": 2, "padding": 1}, {"groups": 2}):
        models = pair(**settings)
        expected = torch.stack([model(part) for model, part in zip(models, x, strict=True)])
        torch.testing.assert_close(lift(models)(x), expected)


def test_layer_norm_of_the_last_axes_is_lifted_over_them() -> None:
    """Over (N, T, C) with T = C, weights of C that were taken for weights of T would go unnoticed."""
    models = [nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.LayerNorm((4, 4))).double() for _ in range(2)]
    for model in models:
        for parameter in model.parameters():
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(len(parameter.shape)))
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    expected = torch.stack([model(part) for model, part in zip(models, x, strict=True)])
    torch.testing.assert_close(lift(models)(x), expected)
    torch.testing.assert_close(lift(models[:1])(x[:1]), expected[:1])


class WithState(Recurrent):
    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.start = nn.Parameter(torch.zeros(HIDDEN))


class Both(nn.Sequential):
    holds_layers = Calls.IN_ORDER
    treats_alone = Each.VALUE


class Misspelt(nn.Identity):
    treats_alone = "feature"


class Weighted(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(shape))


class OfValues(Weighted):
    treats_alone = Each.VALUE


class OfFeatures(Weighted):
    treats_alone = Each.FEATURE


class OfSamples(Weighted):
    treats_alone = Each.SAMPLE


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (WithState, "WithState holds layers and has tensors besides, which no layer holds: start"),
        (Both, "Both declares both treats_alone and holds_layers"),
        (Misspelt, "Misspelt declares 'feature', which is none of"),
        (lambda: OfValues(3), r"OfValues declares Each.VALUE and has a tensor that .*: gain, of shape \(3,\)"),
        (lambda: OfFeatures(), r"OfFeatures declares Each.FEATURE and .*: gain, of shape \(\)"),
        (lambda: OfFeatures(3, 3), r"OfFeatures declares Each.FEATURE and .*: gain, of shape \(3, 3\)"),
        (lambda: OfSamples(3), r"OfSamples declares Each.SAMPLE and .*: gain, of shape \(3,\)"),
    ],
)
def test_a_declaration_that_is_not_so_is_refused(make: Callable[[], nn.Module], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        lift([make(), make()])


def test_a_layer_that_only_some_replicates_hold_twice_is_refused() -> None:
    shared, others = nn.Linear(3, 3), [nn.Linear(3, 3) for _ in range(2)]
    with pytest.raises(TypeError, match="Linear is at several places in some replicates"):
        lift([nn.Sequential(shared, shared), nn.Sequential(*others)])
