"""Keras's layers as torch modules, in float32: values by the reference, Keras's conventions, and what is refused."""

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.norms import SCHEMES, keras_layers
from tests.configured import changed
from tests.norms import reference
from tests.norms.settings import DEFAULTS, SHAPES
from tests.norms.test_values import assert_close, draw

CASES = [(name, ndim) for name in keras_layers.SCHEMES for ndim in SHAPES if not (name == "rms" and ndim > 2)]


def build(scheme: str, ndim: int, **settings: Any) -> nn.Module:
    """The layer with γ and β drawn at random."""
    layer = SCHEMES[scheme].build("keras", 8, ndim, **(DEFAULTS[scheme] | settings))
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, 0.5, 2, generator=generator)
    return layer


def test_the_catalogue_names_the_schemes_that_keras_has() -> None:
    assert tuple(name for name, scheme in SCHEMES.items() if "keras" in scheme.impls) == keras_layers.SCHEMES


@pytest.mark.parametrize(("scheme", "ndim"), CASES)
def test_output_in_training(scheme: str, ndim: int) -> None:
    layer, x = build(scheme, ndim), draw(ndim)
    state = {name: tensor.double().numpy() for name, tensor in copy.deepcopy(layer).state_dict().items()}
    assert_close(layer(x.float()), reference.output(scheme, x.numpy(), state, DEFAULTS[scheme]), relative=1e-5)


def test_the_state_is_by_the_names_of_torch() -> None:
    assert set(build("batch", 2).state_dict()) == {"weight", "bias", "running_mean", "running_var"}
    assert [name for name, _ in build("batch", 2).named_buffers()] == ["running_mean", "running_var"]
    assert set(build("layer", 4).state_dict()) == {"weight", "bias"}
    assert set(build("group", 2, affine=False).state_dict()) == set()
    assert set(build("rms", 2).state_dict()) == {"weight"}


@pytest.mark.parametrize("ndim", SHAPES)
def test_batch_stores_the_biased_variance_and_normalizes_by_it(ndim: int) -> None:
    layer = build("batch", ndim, momentum=0.3)
    mean, var = np.zeros(8), np.ones(8)
    for seed in range(4):
        x = draw(ndim, seed=seed)
        layer(x.float())
        for channel in range(8):
            values = x[:, channel].numpy()
            mean[channel] = 0.7 * mean[channel] + 0.3 * values.mean()
            var[channel] = 0.7 * var[channel] + 0.3 * ((values - values.mean()) ** 2).mean()
    assert_close(layer.get_buffer("running_mean"), mean, relative=1e-5)
    assert_close(layer.get_buffer("running_var"), var, relative=1e-5)
    x, before = draw(ndim, seed=9), copy.deepcopy(layer.state_dict())
    gamma, beta = (reference.per_channel(before[name].double().numpy(), ndim) for name in ("weight", "bias"))
    x_hat = (x.numpy() - reference.per_channel(mean, ndim)) / np.sqrt(reference.per_channel(var, ndim) + 1e-5)
    assert_close(layer.eval()(x.float()), gamma * x_hat + beta, relative=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


def test_what_is_recorded_is_what_keras_was_given() -> None:
    layer = build("batch", 2, momentum=0.05, eps=1e-4)
    given: Any = layer.config
    assert (given["class"], given["epsilon"]) == ("BatchNormalization", 1e-4)
    recorded = changed(("norm.impl=keras",), norm__momentum=0.05).norm.conventions()
    assert recorded == {"keras_momentum": given["momentum"], "stored_variance": "biased"}
    assert given["momentum"] == pytest.approx(0.95)
    assert changed((), norm__momentum=0.05).norm.conventions() == {}


def test_eps_none_is_the_machine_epsilon_as_in_torch() -> None:
    layer: Any = build("rms", 2, eps=None)
    assert layer.config["epsilon"] == torch.finfo(torch.float32).eps


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("rms", {"affine": False}, "keras rms normalization got affine=False, but Keras's layer always has a scale."),
    ("group", {"num_groups": 3}, "num_groups=3 does not divide 8 channels; allowed: 1, 2, 4, 8."),
    ("switchable", {}, "Keras has no layer for norm 'switchable'; it has them for batch, layer, group, rms."),
    (
        "batch",
        {"momentum": None},
        "keras batch normalization got momentum=None, but Keras has no cumulative average; set one.",
    ),
    (
        "batch",
        {"track_running_stats": False},
        "keras batch normalization got track_running_stats=False, but Keras's layer always tracks.",
    ),
]


@pytest.mark.parametrize(("scheme", "settings", "text"), REFUSED, ids=[f"{case[0]} {case[1]}" for case in REFUSED])
def test_what_keras_lacks_is_refused(scheme: str, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        build(scheme, 2, **settings)


def test_a_scheme_that_keras_does_not_have_is_no_layer_norm() -> None:
    with pytest.raises(ValueError, match=r"^Keras has no layer for norm 'frn'; it has them for "):
        keras_layers.layer(keras_layers.load("torch"), "frn", 2, **DEFAULTS["frn"])


def test_keras_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_layers, "is_installed", lambda: False)
    with pytest.raises(ValueError, match=r"^it needs Keras: pip install 'bnlab\[keras\]'$"):
        build("batch", 2)


def test_keras_on_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(
        ValueError, match=r"^Keras runs on jax in this process, .* with KERAS_BACKEND=torch or unset\.$"
    ):
        build("batch", 2)
