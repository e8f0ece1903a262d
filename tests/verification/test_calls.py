"""How strangers' classes are called: groups of their own number, a tuple for a shape, an axis, and no arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bnlab.user_class.layer import arguments
from bnlab.verification.checks import PASS, WITH_CONVENTIONS
from bnlab.verification.reference.layers import CHANNELS, WIDE, WIDE_SHAPES, width, with_shapes
from bnlab.verification.reference.reference import gradient
from bnlab.verification.verdict import verify_class


class GroupNormOfMany(nn.Module):
    """Its groups are 32, whatever it is called with."""

    unbiased = False

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 3:
            raise ValueError(f"expected 3D input, got {x.dim()}D")
        parts = x.reshape(len(x), 32, -1)
        var = parts.var(-1, unbiased=self.unbiased, keepdim=True)
        y = ((parts - parts.mean(-1, keepdim=True)) / (var + self.eps).sqrt()).view_as(x)
        return y * self.weight[:, None] + self.bias[:, None]


class UnbiasedGroupNormOfMany(GroupNormOfMany):
    unbiased = True


class LayerNormOfShape(nn.Module):
    """For a shape that is a tuple."""

    def __init__(self, parameters_shape: Any, eps: float = 1e-5) -> None:
        super().__init__()
        self.axes, self.eps = tuple(range(-len(parameters_shape), 0)), eps
        self.gamma = nn.Parameter(torch.ones(parameters_shape))
        self.beta = nn.Parameter(torch.zeros(parameters_shape))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(self.axes, keepdim=True)
        var = (x - mean).square().mean(self.axes, keepdim=True)
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta


class RMSNormAlong(nn.Module):
    """Without parameters, along an axis."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(self.dim, keepdim=True) + self.eps)


class PlainRMSNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class ViewingGroupNorm(nn.Module):
    """Its .view needs an input that lies in one piece."""

    def __init__(self, channels: int, num_groups: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.groups, self.eps = num_groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        n, c, length = x.size()
        parts = x.view(n, self.groups, -1)
        var = parts.var(-1, unbiased=False, keepdim=True)
        y = ((parts - parts.mean(-1, keepdim=True)) / (var + self.eps).sqrt()).view(n, c, length)
        return y * self.weight[:, None] + self.bias[:, None]


@pytest.mark.parametrize(
    ("cls", "outcome", "main"),
    [
        (GroupNormOfMany, PASS, ""),
        (UnbiasedGroupNormOfMany, WITH_CONVENTIONS, "unbiased variance normalizes"),
        (LayerNormOfShape, PASS, ""),
        (RMSNormAlong, WITH_CONVENTIONS, "statistics for each position"),
        (PlainRMSNorm, WITH_CONVENTIONS, "no gamma"),
        (ViewingGroupNorm, PASS, ""),
    ],
)
def test_a_class_is_called_as_it_has_to_be(cls: type[nn.Module], outcome: str, main: str) -> None:
    verdict = verify_class(cls)
    said = [*(each.mistake for each in verdict.diagnoses), *verdict.conventions]
    assert (verdict.outcome, main in said or not main) == (outcome, True), said


def test_a_shape_is_a_tuple_only_where_a_number_is_no_help() -> None:
    assert arguments(LayerNormOfShape, 6, {}) == ((), {"parameters_shape": (6,)})
    assert arguments(nn.LayerNorm, 6, {}) == ((), {"normalized_shape": 6})


def test_an_axis_is_no_number_of_features() -> None:
    assert arguments(RMSNormAlong, 6, {}) == ((), {})


def test_all_is_wide_for_a_while() -> None:
    with with_shapes(WIDE_SHAPES):
        assert width() == WIDE
    assert width() == CHANNELS


def test_gradients_of_blocks_are_those_of_single_values() -> None:
    x, g = np.random.default_rng(0).normal(size=(2, 4, 6))

    def squared(v: Any) -> Any:
        parts = v.reshape(*v.shape[:-1], 3, 2)
        return (parts * parts.sum(-1, keepdims=True) ** 2).reshape(v.shape)

    together = gradient(squared, x, g, of_stack=True, alone=3)
    assert together == pytest.approx(gradient(squared, x, g, of_stack=True))
