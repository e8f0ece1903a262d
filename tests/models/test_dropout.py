"""Dropout's masks: their share, their scale, and that they are a function of a seed and a count alone."""

from __future__ import annotations

import copy

import pytest
import torch

from bnlab.lifting import lift
from bnlab.models.dropout import Dropout


def dropout(p: float, seed: int = 3) -> Dropout:
    layer = Dropout(p)
    layer.draw(seed)
    return layer


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_so_many_values_are_zero_and_the_others_larger_for_it(p: float) -> None:
    layer, x = dropout(p), torch.full((200, 500), 2.0)
    first, second = layer(x), layer(x)
    for y in (first, second):
        assert torch.unique(y).tolist() == pytest.approx([0, 2 / (1 - p)])
        assert (y == 0).double().mean().item() == pytest.approx(p, abs=5 * (p * (1 - p) / x.numel()) ** 0.5)
    both = ((first == 0) & (second == 0)).double().mean().item()
    assert both == pytest.approx(p * p, abs=0.01)  # the second mask has nothing to do with the first


def test_neighbouring_values_and_units_and_seeds_have_nothing_to_do_with_each_other() -> None:
    zero = (dropout(0.5)(torch.ones(400, 400)) == 0).double() - 0.5
    other = (dropout(0.5, seed=4)(torch.ones(400, 400)) == 0).double() - 0.5
    for a, b in ((zero[:, 1:], zero[:, :-1]), (zero[1:], zero[:-1]), (zero, other)):
        assert abs((a * b).mean().item()) < 5 * 0.25 / 400


def test_in_evaluation_it_does_nothing() -> None:
    layer, x = dropout(0.5).eval(), torch.rand(4, 5)
    assert torch.equal(layer(x), x)
    assert layer.count.item() == 0


def test_a_replicates_masks_are_the_same_in_any_company_and_after_its_state_is_loaded() -> None:
    x = torch.rand(3, 8, 6)
    alone = [dropout(0.5, seed) for seed in (5, 6, 5)]
    stack = lift([torch.nn.Sequential(copy.deepcopy(layer)) for layer in alone])
    for _ in range(3):
        expected = torch.stack([layer(part) for layer, part in zip(alone, x, strict=True)])
        assert torch.equal(stack(x), expected)
    loaded = dropout(0.5, 0)
    loaded.load_state_dict(alone[1].state_dict())
    assert torch.equal(loaded(x[1]), alone[1](x[1]))
