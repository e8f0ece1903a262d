"""The vision transformer against the same in NumPy; where its norms are, and that a seed decides its weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf, softmax
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bnlab.config import ViTConfig, from_mapping
from bnlab.errors import UserError
from bnlab.models import build, size_of
from bnlab.models.construction import Model
from bnlab.models.init import layers_of, weight_layers
from bnlab.models.tokens import Positions, TokenNorm
from bnlab.norms import SCHEMES, NormConfig
from bnlab.seeds import weight_generator
from tests.compose import compose

Array = NDArray[np.float64]
IMAGE, CLASSES, HEADS = (2, 8, 12), 3, 2
PLAIN = ViTConfig(
    "vit", "gelu", "pre", False, False, "pytorch", None, "auto", patch=4, width=8, depth=2, heads=HEADS, mlp_ratio=3
)


def norm(name: str, *settings: str) -> NormConfig:
    groups = ["norm.num_groups=2"] if name in ("group", "weight_standardization") else []
    return from_mapping(compose([f"norm={name}", *groups, *settings])).norm


def made(name: str, *settings: str, seed: int = 0, **changes: Any) -> Model:
    return build(replace(PLAIN, **changes), norm(name, *settings), IMAGE, CLASSES, weight_generator(seed))


def patches_of(images: Array) -> Array:
    """Pixel by pixel."""
    tokens = np.zeros((len(images), 2 * 3, 2 * 4 * 4))
    for row, column, channel, i, j in np.ndindex(2, 3, 2, 4, 4):
        pixel = images[:, channel, 4 * row + i, 4 * column + j]
        tokens[:, 3 * row + column, 16 * channel + 4 * i + j] = pixel
    return tokens


def attention(x: Array) -> Array:
    """Of the queries, keys and values beside each other in (N, T, 3 C)."""
    q, k, v = (part.reshape(*x.shape[:2], HEADS, -1) for part in np.split(x, 3, axis=-1))
    weights = softmax(np.einsum("nthd,nshd->nhts", q, k) / np.sqrt(q.shape[-1]), axis=-1)
    y: Array = np.einsum("nhts,nshd->nthd", weights, v).reshape(*x.shape[:2], -1)
    return y


def standardized(name: str, x: Array) -> Array:
    """The norms at their start, gamma 1 and beta 0."""
    axes: dict[str, Any] = {"layer": -1, "batch": (0, 1), "instance": 1, "rms": -1}
    if name == "none":
        return x
    centred = x if name == "rms" else x - x.mean(axes[name], keepdims=True)
    y: Array = centred / np.sqrt((centred**2).mean(axes[name], keepdims=True) + 1e-5)
    return y


@pytest.mark.parametrize("position", ["pre", "post"])
@pytest.mark.parametrize("name", ["none", "layer", "batch", "rms", "instance"])
@pytest.mark.parametrize("impl", ["native", "custom"])
def test_logits_are_those_of_the_formula(name: str, position: str, impl: str) -> None:
    settings = ["norm.eps=1e-5"] if name == "rms" else []
    model = made(name, f"norm.impl={impl}", *settings, seed=3, norm_position=position).double()
    images = torch.rand(5, *IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    linears = iter(weight_layers(model))
    (places,) = (layer.places for layer in layers_of(model) if isinstance(layer, Positions))

    def linear(x: Array) -> Array:
        layer = next(linears)
        assert layer.bias is not None
        y: Array = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        return y

    def before(x: Array) -> Array:
        return standardized(name, x) if position == "pre" else x

    def after(x: Array) -> Array:
        return standardized(name, x) if position == "post" else x

    x = linear(patches_of(images.numpy())) + places.detach().numpy()
    for _ in range(2):
        x = after(x + linear(attention(linear(before(x)))))
        wide = linear(before(x))
        x = after(x + linear(wide * (1 + erf(wide / np.sqrt(2))) / 2))
    expected = linear(before(x).mean(1))
    np.testing.assert_allclose(model(images).detach().numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("position", "count"), [("pre", 5), ("post", 4)])
def test_norms_stand_where_the_configuration_says(position: str, count: int) -> None:
    model = made("layer", norm_position=position)
    assert sum(isinstance(module, TokenNorm) for module in model.modules()) == count
    with_input = made("batch", norm_position=position, norm_input=True)
    norms = [module for module in with_input.modules() if isinstance(module, nn.BatchNorm1d)]
    assert [layer.num_features for layer in norms] == [2 * 16] + [8] * count


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "xavier", "normal"])
def test_one_seed_gives_the_same_weights_under_every_scheme(init: str) -> None:
    def drawn(name: str) -> list[torch.Tensor]:
        model = made(name, init=init)
        weights = [
            list(layer.parametrizations.weight.parameters())[-1] if is_parametrized(layer) else layer.weight  # type: ignore[union-attr]
            for layer in weight_layers(model)
        ]
        return [*weights, *(layer.places for layer in layers_of(model) if isinstance(layer, Positions))]

    expected = drawn("none")
    assert all(value.std() > 0 for value in expected)
    for name in SCHEMES:
        assert all(torch.equal(a, b) for a, b in zip(expected, drawn(name), strict=True)), name


def test_the_start_of_the_positions_is_small() -> None:
    (places,) = (layer.places for layer in layers_of(made("none", width=400)) if isinstance(layer, Positions))
    assert places.std().item() == pytest.approx(0.02, rel=0.05)


def test_the_count_of_a_model_is_that_of_its_weights() -> None:
    """By hand: 6 tokens of 32 pixels, width 8, inside 24; per block 3 + 1 products of 8 x 8, and two of 8 x 24."""
    size, of_block = size_of(PLAIN, IMAGE, CLASSES), 4 * 8 * 8 + 2 * 8 * 24
    assert size.weights == 32 * 8 + 2 * of_block + 8 * CLASSES
    assert size.largest == 6 * 32  # the patches
    assert size.multiplications == 6 * (32 * 8 + 2 * of_block) + 8 * CLASSES


def test_a_norm_is_refused_where_it_has_no_axis() -> None:
    with pytest.raises(UserError, match=r"^norm=instance cannot be used here: instance normalization needs a spatial"):
        made("instance", norm_output=True)
    with pytest.raises(UserError, match=r"^norm=group cannot be used here: num_groups=3 does not divide 8 channels"):
        made("group", "norm.num_groups=3")
