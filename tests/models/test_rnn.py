"""The recurrent networks against the same in NumPy; where their norms are, and what their statistics are of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bnlab.config import RNNConfig, from_mapping
from bnlab.errors import UserError
from bnlab.models import build
from bnlab.models.construction import Model
from bnlab.models.init import weight_layers
from bnlab.models.rnn import permutation
from bnlab.models.steps import Affine
from bnlab.norms import SCHEMES, NormConfig
from bnlab.seeds import weight_generator
from tests.compose import compose

Array = NDArray[np.float64]
IMAGE, CLASSES, HIDDEN, GAMMA = (2, 5, 3), 3, 6, 0.25
PLAIN = RNNConfig(
    "rnn", "tanh", "pre", False, False, "pytorch", None, "auto",
    cell="lstm", hidden=HIDDEN, sequence="rows", statistics="per_step", gamma=GAMMA,
)  # fmt: skip


def norm(name: str, *settings: str) -> NormConfig:
    groups = ["norm.num_groups=2"] if name in ("group", "weight_standardization") else []
    return from_mapping(compose([f"norm={name}", *groups, *settings])).norm


def made(name: str, *settings: str, seed: int = 0, **changes: Any) -> Model:
    return build(replace(PLAIN, **changes), norm(name, *settings), IMAGE, CLASSES, weight_generator(seed))


def sequence_of(images: Array, sequence: str) -> list[Array]:
    """Each step's (N, features)."""
    n, _, height, width = images.shape
    if sequence.endswith("rows"):
        steps = [images[:, :, row].reshape(n, -1) for row in range(height)]
    else:
        steps = [images[:, :, row, column] for row in range(height) for column in range(width)]
    return [steps[at] for at in permutation(len(steps))] if sequence.startswith("permuted") else steps


def normalized(name: str, x: Array) -> Array:
    """With gamma as it starts, and beta 0."""
    if name == "none":
        return x
    axis = 0 if name == "batch" else -1
    centred = x - x.mean(axis, keepdims=True)
    y: Array = GAMMA * centred / np.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5)
    return y


def last_state(name: str, cell: str, steps: list[Array], w_x: Array, w_h: Array, bias: Array) -> Array:
    h = c = np.zeros((len(steps[0]), HIDDEN))
    for step in steps:
        x, y = normalized(name, step @ w_x.T + bias), normalized(name, h @ w_h.T)
        if cell == "tanh":
            h = np.tanh(x + y)
        elif cell == "lstm":
            f, i, o, g = np.split(x + y, 4, axis=1)
            c = expit(f + 1) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(normalized(name, c))
        else:
            (r, z, n), (r_h, z_h, n_h) = np.split(x, 3, axis=1), np.split(y, 3, axis=1)
            r, z = expit(r + r_h), expit(z + z_h)
            h = z * h + (1 - z) * np.tanh(n + r * n_h)
    return h


@pytest.mark.parametrize("cell", ["tanh", "lstm", "gru"])
@pytest.mark.parametrize("name", ["none", "batch", "layer"])
@pytest.mark.parametrize("sequence", ["rows", "pixels", "permuted_rows", "permuted_pixels"])
def test_logits_are_those_of_the_formula(name: str, cell: str, sequence: str) -> None:
    model = made(name, seed=3, cell=cell, sequence=sequence).double()
    images = torch.rand(7, *IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    of_input, of_state, last = weight_layers(model)
    w_x, w_h, w = (layer.weight.detach().numpy() for layer in (of_input, of_state, last))
    bias = np.zeros(len(w_x)) if of_input.bias is None else of_input.bias.detach().numpy()
    assert (of_input.bias is None) == (name != "none")
    assert of_state.bias is None
    assert last.bias is not None
    h = last_state(name, cell, sequence_of(images.numpy(), sequence), w_x, w_h, bias)
    expected = h @ w.T + last.bias.detach().numpy()
    np.testing.assert_allclose(model(images).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


def test_without_norms_the_lstm_is_torchs() -> None:
    """nn.LSTM has the gates in another order, and no 1 in the forget gate."""
    model = made("none", seed=2).double()
    of_input, of_state, last = weight_layers(model)
    assert isinstance(last, nn.Linear)
    theirs = nn.LSTM(6, HIDDEN, batch_first=True, dtype=torch.float64)
    assert of_input.bias is not None
    parts, values = {"f": 0, "i": 1, "o": 2, "g": 3}, dict(theirs.named_parameters())
    with torch.no_grad():
        for name, mine in (("ih", of_input.weight), ("hh", of_state.weight)):
            values[f"weight_{name}_l0"].copy_(torch.cat([mine.chunk(4)[parts[gate]] for gate in "ifgo"]))
        bias = of_input.bias.chunk(4)
        values["bias_ih_l0"].copy_(torch.cat([bias[parts[gate]] + (gate == "f") for gate in "ifgo"]))
        values["bias_hh_l0"].zero_()
    images = torch.rand(7, *IMAGE, dtype=torch.float64)
    hidden, _ = theirs(images.transpose(1, 2).flatten(2))
    torch.testing.assert_close(model(images), last(hidden[:, -1]))


@pytest.mark.parametrize(("statistics", "count"), [("per_step", 5), ("shared", 1)])
def test_each_step_has_its_own_running_statistics_or_all_share_them(statistics: str, count: int) -> None:
    model = made("batch", statistics=statistics).double()
    images = torch.rand(7, *IMAGE, dtype=torch.float64)
    model(images)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert [layer.num_features for layer in norms] == [4 * HIDDEN] * count * 2 + [HIDDEN] * count
    of_input = weight_layers(model)[0].weight.detach().numpy()
    steps = np.stack([step @ of_input.T for step in sequence_of(images.numpy(), "rows")])
    if statistics == "per_step":
        for layer, step in zip(norms[:5], steps, strict=True):
            np.testing.assert_allclose(layer.state_dict()["running_mean"], 0.1 * step.mean(0), rtol=1e-9)
            np.testing.assert_allclose(layer.state_dict()["running_var"], 0.9 + 0.1 * step.var(0, ddof=1), rtol=1e-9)
    else:
        np.testing.assert_allclose(norms[0].state_dict()["running_mean"], 0.1 * steps.mean((0, 1)), rtol=1e-9)


def test_gamma_and_beta_are_the_same_at_all_steps_and_gamma_starts_where_it_is_told() -> None:
    affines = [module for module in made("batch").modules() if isinstance(module, Affine)]
    assert [len(each.state_dict()["weight"]) for each in affines] == [4 * HIDDEN] * 2 + [HIDDEN]
    assert all(
        each.weight is not None and torch.equal(each.weight, torch.full_like(each.weight, GAMMA)) for each in affines
    )
    assert not [module for module in made("batch", "norm.affine=false").modules() if isinstance(module, Affine)]
    assert all(each.bias is None for each in made("rms").modules() if isinstance(each, Affine))


def test_a_permutation_is_a_true_one_and_the_same_for_all() -> None:
    order = permutation(784)
    assert sorted(order) == list(range(784))
    assert order != list(range(784))
    assert order == permutation(784)


def test_one_seed_gives_the_same_weights_under_every_scheme() -> None:
    expected = [layer.weight for layer in weight_layers(made("none"))]
    for name in SCHEMES:
        if not SCHEMES[name].spatial_only:
            for layer, weight in zip(weight_layers(made(name)), expected, strict=True):
                learned = list(layer.parameters())[-1] if is_parametrized(layer) else layer.weight
                assert torch.equal(learned, weight), name


def test_a_norm_is_refused_where_it_has_no_axis() -> None:
    with pytest.raises(UserError, match=r"^norm=instance cannot be used here: instance normalization needs a spatial"):
        made("instance")
