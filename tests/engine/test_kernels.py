"""A recorded step gives the plain step's bits, for every scheme, impl and model, alone and in a stack."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bnlab.config import ModelConfig
from bnlab.data import Scaling
from bnlab.engine import kernels as recorded
from bnlab.engine.kernels import NumberSeenError, record
from bnlab.engine.optimizer import StackOptimizer
from bnlab.engine.step import WORTH_RECORDING, Step
from bnlab.lifting import depends_on_tensors_alone, lift, owned_parameters
from tests.lifting.test_lifting import ADAM, CLASSES, IMAGES, cnn, mlp, norms_on, replicate, rnn, settings_for, vit

MODELS = (mlp(), cnn(), vit(), rnn())
NORMS = list(dict.fromkeys(norm for model in MODELS for norm in norms_on(model)))
OTHERS: list[tuple[ModelConfig, str, str]] = [
    (mlp(activation="gelu", norm_position="post"), "batch", impl) for impl in ("native", "custom")
]
OTHERS += [(vit(norm_position="post", norm_input=True), norm, "native") for norm in ("batch", "layer")]
OTHERS += [
    (mlp(hidden=None, width=16, depth=3, residual=True, dropout=0.3), "batch", impl) for impl in ("native", "custom")
]
OTHERS += [(rnn(cell=cell, sequence="permuted_rows"), "batch", "custom") for cell in ("tanh", "gru")]
ALIKE = {"eval_norm", "l1_batch", "mean_only_batch", "noisy_batch", "power", "variance_only_batch"}
"""They are lifted as batch_renorm is, feature by feature: on the models that take longest they are slow tests."""


def cases() -> Iterator[Any]:
    """Every scheme and impl on every model in a stack of three, and half of them alone.

    In the default suite most schemes and impls are on two of the models in a stack, and half of them alone on the MLP.
    """
    for number, model in enumerate(MODELS):
        for norm, impl in norms_on(model):
            turn = (NORMS.index((norm, impl)) + number) % 2 == 0
            takes_long = model.name in ("vit", "rnn") and norm in ALIKE
            yield case(model, norm, impl, replicates=3, slow=takes_long or not turn)
            if not turn:
                yield case(model, norm, impl, replicates=1, slow=model.name != "mlp")
    for other in OTHERS:
        yield case(*other, replicates=3, slow=False)


def case(model: ModelConfig, norm: str, impl: str, replicates: int, *, slow: bool) -> Any:
    name = f"{model.name}-{model.activation}-{norm}-{impl}-{replicates}"
    return pytest.param(model, norm, impl, replicates, id=name, marks=[pytest.mark.slow] if slow else [])


def stack_of(model: ModelConfig, norm: str, impl: str, replicates: int) -> nn.Module:
    settings = () if norm == "none" else settings_for(norm, impl)
    plain = [replicate(f"norm={norm}", seed, torch.float32, model, settings=settings) for seed in range(replicates)]
    return lift([each.model for each in plain])


def trained(stack: nn.Module, image: Sequence[int], total_steps: int) -> tuple[list[Tensor], Step]:
    """All log-probabilities of five steps, and what is in the stack afterwards."""
    steps = 5
    owned = [each for each in owned_parameters(stack) if each.tensor.requires_grad]
    parameters = [each.tensor for each in owned]
    replicates = len({owner for each in owned for owner in each.owners})
    optimizer = StackOptimizer(owned, [ADAM] * replicates, total_steps=steps, steps_per_epoch=steps)
    step = Step(stack, parameters, optimizer, Scaling(), 16, total_steps, compiled=False, warn=print)
    generator = torch.Generator().manual_seed(3)
    seen: list[Tensor] = []
    for number in range(steps):
        samples = 16 if number != 2 else 7  # an epoch's last, smaller batch in between
        images = torch.randint(256, (replicates, samples, *image), generator=generator, dtype=torch.uint8)
        labels = torch.randint(CLASSES, (replicates, samples), generator=generator)
        seen.append(step(number, images, labels)[0].clone())
    return [*seen, *(value.detach() for value in stack.state_dict().values())], step


def same_bits(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    return all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("model", "norm", "impl", "replicates"), list(cases()))
def test_a_recorded_step_has_the_bits_of_the_plain_one(
    model: ModelConfig, norm: str, impl: str, replicates: int
) -> None:
    image = IMAGES[model.name]
    stack = stack_of(model, norm, impl, replicates)
    is_looped = not depends_on_tensors_alone(stack)
    plain, _ = trained(copy.deepcopy(stack), image, total_steps=0)
    recorded, step = trained(stack, image, total_steps=WORTH_RECORDING)
    assert same_bits(plain, recorded)
    is_recorded = step._full_batch != step._plain
    assert is_recorded != is_looped


def test_a_recording_leaves_the_state_as_it_was_and_goes_on_from_there() -> None:
    total = torch.tensor([10.0])

    def add(x: Tensor) -> list[Tensor]:
        total.add_(x)
        return [total * 2]

    program = record(add, [torch.tensor([1.0])], [total])
    assert total.item() == 10
    assert [program(torch.tensor([x]))[0].item() for x in (1.0, 5.0)] == [22, 32]


def test_what_decides_by_a_number_is_not_recorded_and_leaves_the_state_as_it_was() -> None:
    count = torch.tensor(3.0)

    def decide(x: Tensor) -> list[Tensor]:
        count.add_(1)
        return [x if count.item() > 3 else -x]

    with pytest.raises(NumberSeenError):
        record(decide, [torch.ones(2)], [count])
    assert count.item() == 3


def step_of(stack: nn.Module, said: list[str], *, compiled: bool) -> Step:
    owned = owned_parameters(stack)
    optimizer = StackOptimizer(owned, [ADAM], total_steps=2, steps_per_epoch=2)
    parameters = [each.tensor for each in owned]
    return Step(stack, parameters, optimizer, Scaling(), 16, WORTH_RECORDING, compiled=compiled, warn=said.append)


def broken(*arguments: object, **options: object) -> None:
    raise OSError("no room\nfor it")


@pytest.mark.parametrize("compiled", [False, True])
def test_what_pytorch_cannot_make_of_a_recording_is_said_and_the_next_best_form_runs(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that was to be compiled is recorded, and one that was to be recorded is plain: the same numbers."""
    monkeypatch.setattr(recorded, "_compile" if compiled else "_script", broken)
    said: list[str] = []
    stacks = [stack_of(mlp(), "batch", "custom", 1) for _ in range(2)]
    steps = [step_of(stacks[0], said, compiled=compiled), step_of(stacks[1], [], compiled=False)]
    steps[1]._records = False
    batch = torch.randint(256, (1, 16, *IMAGES["mlp"]), dtype=torch.uint8), torch.randint(CLASSES, (1, 16))
    for number in range(2):
        assert torch.equal(*(step(number, *batch)[0] for step in steps))
    words = "cannot be compiled and is only recorded" if compiled else "cannot be recorded, so it is slower"
    assert said == [f"the step {words}: OSError: no room for it"]
    assert (steps[0]._full_batch == steps[0]._plain) is not compiled


def test_a_fault_of_the_function_is_not_taken_for_one_of_recording() -> None:
    with pytest.raises(RuntimeError, match="must match the size"):
        record(lambda x: [x + torch.ones(3)], [torch.ones(2)], [])


def test_views_of_the_state_see_its_changes() -> None:
    state = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    def shift(x: Tensor) -> list[Tensor]:
        first, second = state.unbind()  # several views at once
        state.add_(x)
        return [state.T.flatten(), first * second]

    program = record(shift, [torch.tensor(10.0)], [state])
    assert [result.tolist() for result in program(torch.tensor(10.0))] == [[11, 13, 12, 14], [11 * 13, 12 * 14]]
    assert [result.tolist() for result in program(torch.tensor(1.0))] == [[12, 14, 13, 15], [12 * 14, 13 * 15]]
