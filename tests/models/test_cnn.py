"""The convolutional network: which layer stands where, what it computes, and that a seed decides its weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bnlab.config import CNNConfig, from_mapping
from bnlab.errors import UserError
from bnlab.models import build
from bnlab.models.cnn import MaxPool
from bnlab.models.construction import Model
from bnlab.models.init import weight_layers
from bnlab.models.size import SMALL, size_of
from bnlab.norms import SCHEMES, NormConfig
from bnlab.seeds import weight_generator
from tests.compose import compose

IMAGE, CLASSES = (1, 12, 8), 4
PLAIN = CNNConfig("cnn", "relu", "pre", False, False, "pytorch", None, "auto", channels=[4, 6])
SPATIAL = [name for name in SCHEMES if name != "rms"]
"""PyTorch's rms norm takes no images."""


def norm(name: str, *settings: str) -> NormConfig:
    groups = ["norm.num_groups=2"] if name in ("group", "weight_standardization") else []
    return from_mapping(compose([f"norm={name}", *groups, *settings])).norm


def made(name: str, *settings: str, seed: int = 0, **changes: Any) -> Model:
    return build(replace(PLAIN, **changes), norm(name, *settings), IMAGE, CLASSES, weight_generator(seed))


def kinds(model: Model) -> str:
    """The layers in short, without those that do nothing: C convolution, p pooling, B batch norm, a activation."""
    short = {nn.Conv2d: "C", MaxPool: "p", nn.BatchNorm2d: "B", nn.BatchNorm1d: "b", nn.ReLU: "a", nn.Linear: "L"}
    return "".join(short.get(type(layer), "") for layer in model.layers)


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("none", {}, "CpaCpaL"),
        ("batch", {}, "CpBaCpBaL"),
        ("batch", {"norm_position": "post"}, "CpaBCpaBL"),
        ("batch", {"norm_input": True, "norm_output": True}, "BCpBaCpBaLb"),
        ("batch", {"channels": [3]}, "CpBaL"),
        ("frn", {}, "CpCpL"),  # its threshold is the activation
        ("frn", {"norm_position": "post"}, "CpaCpaL"),
    ],
)
def test_layers_stand_where_the_configuration_says(name: str, changes: dict[str, Any], expected: str) -> None:
    assert kinds(made(name, **changes)) == expected


@pytest.mark.parametrize(
    ("name", "settings", "bias"),
    [
        ("none", (), True),
        ("batch", (), False),
        ("weight_norm", (), True),
        ("weight_norm", ("norm.then=layer",), False),
        ("weight_standardization", (), False),
        ("weight_standardization", ("norm.then=none",), True),
    ],
)
def test_a_convolution_before_a_shift_has_no_bias(name: str, settings: tuple[str, ...], bias: bool) -> None:
    assert [layer.bias is not None for layer in weight_layers(made(name, *settings).layers)] == [bias, bias, True]


def convolve(x: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """3x3, one pixel of zeros around (N, in, H, W)."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = x.shape[2:]
    shifted = [padded[:, :, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    y: NDArray[np.float64] = np.einsum("knihw,oik->nohw", np.stack(shifted), weight.reshape(*weight.shape[:2], 9))
    return y


def pool(x: NDArray[np.float64]) -> NDArray[np.float64]:
    n, c, height, width = x.shape
    pooled: NDArray[np.float64] = x.reshape(n, c, height // 2, 2, width // 2, 2).max((3, 5))
    return pooled


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("batch", ()),
        ("weight_norm", ("norm.then=batch",)),
        ("weight_norm", ("norm.then=batch", "norm.impl=custom")),
        ("weight_standardization", ("norm.then=batch",)),
    ],
)
def test_logits_are_those_of_the_formula(name: str, settings: tuple[str, ...]) -> None:
    model = made(name, *settings, seed=3).double()
    images = torch.rand(9, *IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = images.numpy()
    *convolutions, last = weight_layers(model.layers)
    for layer in convolutions:
        x = pool(convolve(x, layer.weight.detach().numpy()))
        x = (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)
        x = np.maximum(x, 0)
    assert last.bias is not None
    logits = x.reshape(9, -1) @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    np.testing.assert_allclose(model(images).detach().numpy(), logits, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "xavier", "normal"])
def test_one_seed_gives_the_same_weights_under_every_scheme(init: str) -> None:
    expected = [layer.weight for layer in weight_layers(made("none", init=init).layers)]
    for name in SPATIAL:
        for layer, weight in zip(weight_layers(made(name, init=init).layers), expected, strict=True):
            learned = list(layer.parametrizations.weight.parameters())[-1] if is_parametrized(layer) else layer.weight  # type: ignore[union-attr]
            assert torch.equal(learned, weight), name


def test_the_start_of_a_convolution_is_pytorchs() -> None:
    """U(-b, b) with b = 1 / sqrt(fan-in)."""
    wide = made("none", channels=[300, 200])
    bounds = [1 / 3, 1 / np.sqrt(300 * 9), 1 / np.sqrt(200 * 3 * 2)]
    for layer, bound in zip(weight_layers(wide.layers), bounds, strict=True):
        assert layer.bias is not None
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert layer.weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.05)
        assert layer.bias.abs().max().item() <= bound


def test_weights_are_normalized_in_hidden_layers_and_in_the_last_if_the_logits_are() -> None:
    for output, expected in ((False, [True, True, False]), (True, [True, True, True])):
        layers = weight_layers(made("weight_norm", norm_output=output).layers)
        assert [is_parametrized(layer) for layer in layers] == expected


def test_instance_norm_has_space_here_but_not_on_the_logits() -> None:
    assert "InstanceNorm2d" in repr(made("instance"))
    with pytest.raises(UserError, match=r"^norm=instance cannot be used here: instance normalization needs a spatial"):
        made("instance", norm_output=True)


def test_the_count_of_a_model_is_that_of_its_weights() -> None:
    """By hand: 12x8 pixels, 4 channels, pooled to 6x4, 6 channels, pooled to 3x2, 4 classes."""
    size = size_of(PLAIN, IMAGE, CLASSES)
    assert size.weights == 4 * 9 + 6 * 4 * 9 + 6 * 3 * 2 * 4
    assert size.multiplications == 4 * 9 * 96 + 6 * 4 * 9 * 24 + 6 * 3 * 2 * 4
    assert size.activations >= 96 + 4 * 96 + 4 * 24 + 6 * 24 + 6 * 6 + 4
    fitting = (SMALL - size.weights) // size.activations
    assert (size.is_small(fitting), size.is_small(fitting + 1)) == (True, False)
