"""The gradient of a weight that is multiplied many times, against a plain loop in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bnlab.lifting import lift, repeated, weight_gradients_at_once
from tests.benchmarks.sequences import Products

R, N, SIZE = 3, 4, 5


def layers(replicates: int) -> list[nn.Linear]:
    return [nn.Linear(SIZE, SIZE, bias=False).double() for _ in range(replicates)]


def of_calls(calls: int) -> Tensor:
    """One x or g for each call (T, R, N, C)."""
    return torch.randn(calls, R, N, SIZE, dtype=torch.float64)


def by_loops(x: Tensor, g: Tensor) -> NDArray[np.float64]:
    """Σ_t Σ_n x_tn g_tn, term by term: (R, in, out)."""
    total = np.zeros((R, SIZE, SIZE))
    for call, replicate, sample, row, column in np.ndindex(*x.shape, SIZE):
        total[replicate, row, column] += x[call, replicate, sample, row] * g[call, replicate, sample, column]
    return total


@pytest.mark.parametrize("most_rows", [1, 3 * N, 1024])
@pytest.mark.parametrize("calls", [1, 2, 7])
@pytest.mark.parametrize("replicates", [1, R])
def test_the_gradients_are_those_of_a_plain_loop(
    calls: int, most_rows: int, replicates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated, "MOST_ROWS", most_rows)
    torch.manual_seed(0)
    x, g, plain = of_calls(calls), of_calls(calls), layers(replicates)
    stack = lift(plain)
    inputs = [each[:replicates].clone().requires_grad_() for each in x]
    with weight_gradients_at_once(stack):
        outputs = [stack(each) for each in inputs]
    used = [each[:replicates] for each in g]
    weight, *of_inputs = torch.autograd.grad(outputs, [*stack.parameters(), *inputs], used)
    expected = by_loops(x, g)[:replicates]
    np.testing.assert_allclose(weight, expected[0] if replicates == 1 else expected, rtol=0, atol=1e-12)
    weights = torch.stack([layer.weight.detach() for layer in plain])
    for found, each in zip(of_inputs, used, strict=True):
        np.testing.assert_allclose(found, np.einsum("rno,roi->rni", each, weights), rtol=0, atol=1e-12)


def test_what_the_loss_does_not_depend_on_has_no_part() -> None:
    torch.manual_seed(0)
    x, g = of_calls(3), of_calls(3)
    stack = lift(layers(R))
    with weight_gradients_at_once(stack):
        outputs = [stack(each) for each in x]
    (weight,) = torch.autograd.grad(outputs[1:], list(stack.parameters()), list(g[1:]))
    np.testing.assert_allclose(weight, by_loops(x[1:], g[1:]), rtol=0, atol=1e-12)
    (unused,) = torch.autograd.grad(x.requires_grad_().sum(), list(stack.parameters()), materialize_grads=True)
    assert not unused.any()


def test_it_is_one_product_for_all_calls() -> None:
    stack, x = lift(layers(R)), of_calls(7)
    with weight_gradients_at_once(stack):
        outputs = [stack(each) for each in x]
    products = Products()
    with products:
        torch.autograd.grad(torch.stack(outputs).sum(), list(stack.parameters()))
    assert products.counts.total() == 1


def test_it_holds_within_the_context_only() -> None:
    stack, x = lift(layers(R)), of_calls(1)[0]
    with weight_gradients_at_once(stack):
        pass
    x.requires_grad_()
    assert "Bmm" in type(stack(x).grad_fn).__name__
