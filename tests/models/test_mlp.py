"""The network: which layer stands where, which of them have a bias, and what they compute."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf, expit
from torch import Tensor, nn

from bnlab.config import MixedConfig, MLPConfig
from bnlab.errors import UserError
from bnlab.models import build, size_of
from bnlab.models.dropout import Dropout
from bnlab.norms import SCHEMES, NormConfig
from bnlab.seeds import weight_generator

NORMS: dict[str, NormConfig] = {
    "none": SCHEMES["none"].configured("native"),
    "batch": SCHEMES["batch"].configured("native", eps=1e-5, affine=True, momentum=0.1, track_running_stats=True),
    "layer": SCHEMES["layer"].configured("native", eps=1e-5, affine=True),
    "group": SCHEMES["group"].configured("native", eps=1e-5, affine=True, num_groups=2),
    "rms": SCHEMES["rms"].configured("native", eps=1e-5, affine=True),
}
IMAGE = (1, 3, 4)
PLAIN = MLPConfig("mlp", "relu", "pre", False, False, "pytorch", None, "auto", hidden=[8, 6])


def made(norm: str, seed: int = 0, **changes: Any) -> list[nn.Module]:
    """The layers of a network 12 -> 8 -> 6 -> 4, in their order."""
    model = build(replace(PLAIN, **changes), NORMS[norm], IMAGE, 4, weight_generator(seed))
    return [module for module in model.modules() if not list(module.children())]


def kinds(layers: list[nn.Module]) -> str:
    """The layers in short, without those that do nothing: L linear, B batch norm, a activation."""
    names = {nn.Linear: "L", nn.BatchNorm1d: "B", nn.ReLU: "a", nn.Flatten: "", nn.Identity: ""}
    return "".join(names[type(layer)] for layer in layers)


@pytest.mark.parametrize(
    ("norm", "changes", "expected"),
    [
        ("none", {}, "LaLaL"),
        ("none", {"norm_input": True, "norm_output": True, "norm_position": "post"}, "LaLaL"),
        ("batch", {}, "LBaLBaL"),
        ("batch", {"norm_position": "post"}, "LaBLaBL"),
        ("batch", {"norm_input": True}, "BLBaLBaL"),
        ("batch", {"norm_output": True}, "LBaLBaLB"),
        ("batch", {"norm_input": True, "norm_output": True, "norm_position": "post"}, "BLaBLaBLB"),
        ("batch", {"hidden": [5]}, "LBaL"),
        ("batch", {"hidden": [5, 4, 3]}, "LBaLBaLBaL"),
    ],
)
def test_layers_stand_where_the_configuration_says(norm: str, changes: dict[str, Any], expected: str) -> None:
    assert kinds(made(norm, **changes)) == expected


def test_widths_follow_hidden_and_norms_have_the_width_of_what_they_normalize() -> None:
    layers = made("batch", hidden=[5, 7], norm_input=True, norm_output=True)
    linears = [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)]
    assert linears == [(12, 5), (5, 7), (7, 4)]
    assert [layer.num_features for layer in layers if isinstance(layer, nn.BatchNorm1d)] == [12, 5, 7, 4]


@pytest.mark.parametrize(
    ("norm", "changes", "expected"),
    [
        # auto: no bias where the very next layer shifts by a beta of its own.
        ("none", {}, [True, True, True]),
        ("batch", {}, [False, False, True]),
        ("layer", {}, [False, False, True]),
        ("group", {}, [False, False, True]),
        ("rms", {}, [True, True, True]),
        ("batch", {"norm_position": "post"}, [True, True, True]),
        ("batch", {"norm_output": True}, [False, False, False]),
        ("batch", {"norm_output": True, "norm_position": "post"}, [True, True, False]),
        ("batch", {"norm_input": True}, [False, False, True]),
        ("batch", {"bias": True}, [True, True, True]),
        ("batch", {"bias": False}, [False, False, False]),
        ("none", {"bias": False}, [False, False, False]),
        ("none", {"norm_output": True}, [True, True, True]),
    ],
)
def test_bias(norm: str, changes: dict[str, Any], expected: list[bool]) -> None:
    assert [layer.bias is not None for layer in made(norm, **changes) if isinstance(layer, nn.Linear)] == expected


def test_a_norm_without_affine_shifts_nothing_so_the_bias_stays() -> None:
    model = build(PLAIN, replace(NORMS["batch"], affine=False), IMAGE, 4, weight_generator(0))  # type: ignore[call-arg]
    assert [layer.bias is not None for layer in model.modules() if isinstance(layer, nn.Linear)] == [True, True, True]


def test_the_norms_settings_arrive_in_the_layer() -> None:
    norm = SCHEMES["batch"].configured("native", eps=0.5, affine=False, momentum=None, track_running_stats=False)
    model = build(PLAIN, norm, IMAGE, 4, weight_generator(0))
    layers = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm1d)]
    settings = [(layer.eps, layer.affine, layer.momentum, layer.track_running_stats) for layer in layers]
    assert settings == [(0.5, False, None, False)] * 2


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "tanh": np.tanh,
    "sigmoid": expit,
    "linear": lambda x: x,
}


def batch_norm(x: NDArray[np.float64]) -> NDArray[np.float64]:
    normalized: NDArray[np.float64] = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    return normalized


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("position", ["none", "pre", "post"])
def test_logits_are_those_of_the_formula(activation: str, position: str) -> None:
    norm = NORMS["none" if position == "none" else "batch"]
    config = replace(PLAIN, activation=activation, norm_position="pre" if position == "none" else position)
    model = build(config, norm, IMAGE, 4, weight_generator(3)).double()
    images = torch.rand(9, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    x = images.numpy().reshape(9, 12)
    *hidden, last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in hidden:
        x = affine(layer, x)
        x = batch_norm(x) if position == "pre" else x
        x = ACTIVATIONS[activation](x)
        x = batch_norm(x) if position == "post" else x
    np.testing.assert_allclose(model(images).detach().numpy(), affine(last, x), rtol=1e-10, atol=1e-12)


def affine(layer: nn.Linear, x: NDArray[np.float64]) -> NDArray[np.float64]:
    shift = 0.0 if layer.bias is None else layer.bias.detach().numpy()
    product: NDArray[np.float64] = x @ layer.weight.detach().numpy().T + shift
    return product


def weights(layers: list[nn.Module]) -> list[Tensor]:
    return [layer.weight for layer in layers if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "xavier", "normal"])
@pytest.mark.parametrize("bias", ["auto", True, False])
def test_one_seed_gives_the_same_weights_under_every_norm(init: str, bias: object) -> None:
    expected = weights(made("none", init=init, bias=bias))
    for norm in NORMS:
        for place in ({}, {"norm_position": "post"}, {"norm_input": True, "norm_output": True}):
            found = weights(made(norm, init=init, bias=bias, **place))
            assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True)), (norm, place)


def test_another_seed_gives_other_weights_and_zero_is_a_seed() -> None:
    first = weights(made("none", seed=0))
    torch.manual_seed(7)  # the global generator has no say
    again, other = weights(made("none", seed=0)), weights(made("none", seed=1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_norm_that_cannot_be_built_is_refused_with_its_own_reason() -> None:
    with pytest.raises(UserError) as error:
        build(PLAIN, replace(NORMS["group"], num_groups=4), IMAGE, 4, None)  # type: ignore[call-arg]
    assert str(error.value) == (
        "norm=group cannot be used here: num_groups=4 does not divide 6 channels; allowed: 1, 2, 3, 6."
    )


def test_instance_norm_is_refused_with_the_mathematical_reason_and_the_way_out() -> None:
    norm = SCHEMES["instance"].configured("native", eps=1e-5, affine=True, momentum=0.1, track_running_stats=False)
    with pytest.raises(UserError, match=r"one value per sample, whose deviation from its own mean is zero") as error:
        build(PLAIN, norm, IMAGE, 4, None)
    assert "use a convolutional model, or norm=layer" in str(error.value)


def test_width_and_depth_take_the_place_of_hidden() -> None:
    config = replace(PLAIN, width=7, depth=3)
    assert (config.hidden, config.widths()) == (None, [7, 7, 7])
    assert config.shape() == replace(PLAIN, hidden=[7, 7, 7]).shape()
    assert kinds(made("batch", width=7, depth=3)) == "LBaLBaLBaL"


@pytest.mark.parametrize(
    ("norm_at", "position", "expected"),
    [([0], "pre", "LBaLaL"), ([1], "pre", "LaLBaL"), ([1], "post", "LaLaBL"), ([], "pre", "LaLaL")],
)
def test_norms_are_at_the_layers_that_are_named(norm_at: list[int], position: str, expected: str) -> None:
    layers = made("batch", norm_at=norm_at, norm_position=position)
    assert kinds(layers) == expected
    has_bias = [layer.bias is not None for layer in layers if isinstance(layer, nn.Linear)]
    assert has_bias == [position == "post" or at not in norm_at for at in (0, 1)] + [True]


def test_each_layer_has_the_scheme_that_is_named_for_it() -> None:
    norm = MixedConfig("mixed", "native", per_layer=["layer", "none", "batch"], digest=None)
    model = build(replace(PLAIN, hidden=[8, 7, 6]), norm, IMAGE, 4, weight_generator(3)).double()
    images = torch.rand(9, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = images.numpy().reshape(9, 12)
    first, second, third, last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert [layer.bias is not None for layer in (first, second, third, last)] == [False, True, False, True]
    x = np.maximum(batch_norm(affine(first, x).T).T, 0)  # layer norm: each sample over its features
    x = np.maximum(affine(second, x), 0)
    x = np.maximum(batch_norm(affine(third, x)), 0)
    np.testing.assert_allclose(model(images).detach().numpy(), affine(last, x), rtol=1e-10, atol=1e-12)


def test_a_residual_layer_adds_its_input_where_that_has_its_width() -> None:
    config = replace(PLAIN, hidden=[8, 8, 6, 6], residual=True)
    model = build(config, NORMS["batch"], IMAGE, 4, weight_generator(3)).double()
    images = torch.rand(9, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = images.numpy().reshape(9, 12)
    *hidden, last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in hidden:
        y = np.maximum(batch_norm(affine(layer, x)), 0)
        x = x + y if x.shape == y.shape else y
    np.testing.assert_allclose(model(images).detach().numpy(), affine(last, x), rtol=1e-10, atol=1e-12)


def test_dropout_is_last_in_each_hidden_layer_and_changes_no_weight() -> None:
    plain, dropped = made("layer"), made("layer", dropout=0.5)
    found = [type(layer) for layer in dropped if not isinstance(layer, nn.Flatten | nn.Identity)]
    assert found == [nn.Linear, nn.LayerNorm, nn.ReLU, Dropout] * 2 + [nn.Linear]
    assert all(torch.equal(a, b) for a, b in zip(weights(plain), weights(dropped), strict=True))
    seeds = [
        int(layer.seed) for seed in (0, 1) for layer in made("none", seed, dropout=0.5) if isinstance(layer, Dropout)
    ]
    assert len(set(seeds)) == 4


def test_a_large_model_is_measured_without_values() -> None:
    """Its weights would take 17 GB."""
    size = size_of(replace(PLAIN, hidden=[65_536, 65_536]), IMAGE, 4)
    assert size.weights == 12 * 65_536 + 65_536**2 + 4 * 65_536
    assert not size.is_small(1)
