"""The schemes of weights against plain loops: the weight that is used, its gradients, its start, its state."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.norms import SCHEMES
from tests.norms import reference
from tests.norms.settings import DEFAULTS
from tests.norms.test_values import assert_close

IMPLS = [(s.name, impl) for s in SCHEMES.values() if s.of_weights for impl in s.impls]
LAYERS: dict[str, Callable[[], Any]] = {
    "linear": lambda: nn.Linear(5, 4),
    "convolution": lambda: nn.Conv2d(2, 4, 3, padding=1),
}
INPUTS = {"linear": (6, 5), "convolution": (3, 2, 4, 4)}
LEARNED = {"weight_norm": ("original0", "original1")}
"""By what names its layers keep what is learned; the others have `original`."""

every = pytest.mark.parametrize("kind", LAYERS)
every_impl = pytest.mark.parametrize(("scheme", "impl"), IMPLS)


def made(scheme: str, impl: str, kind: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    layer = LAYERS[kind]().double()
    SCHEMES[scheme].reparametrize(impl, layer, **DEFAULTS[scheme])
    return layer


def weight_by_hand(scheme: str, learned: list[reference.Array]) -> reference.Array:
    """The weight (out, in, ...) unit by unit; learned is (w,), or g and v."""
    weight = np.empty_like(learned[-1])
    for unit, values in enumerate(learned[-1]):
        if scheme == "weight_norm":
            length = math.sqrt(sum(v * v for v in values.flat))
            weight[unit] = learned[0][unit].item() * values / length
        else:
            mean, var = reference.moments(values)
            if scheme == "weight_standardization":
                weight[unit] = (values - mean) / (math.sqrt(var) + 1e-5)
            else:
                weight[unit] = 1.7 * (values - mean) / math.sqrt(max(values.size * var, 1e-4))
    return weight


def learned_by(layer: Any, scheme: str) -> list[torch.Tensor]:
    return [getattr(layer.parametrizations.weight, name) for name in LEARNED.get(scheme, ("original",))]


@every
@every_impl
def test_the_weight_and_its_gradients(scheme: str, impl: str, kind: str) -> None:
    layer = made(scheme, impl, kind)
    tensors = learned_by(layer, scheme)
    for tensor in tensors:
        nn.init.uniform_(tensor, 0.5, 2)
    values = [tensor.detach().numpy() for tensor in tensors]
    assert_close(layer.weight, weight_by_hand(scheme, values))
    g = torch.randn_like(layer.weight)
    layer.weight.backward(g)
    for number, tensor in enumerate(tensors):

        def weight_at(at: reference.Array, number: int = number) -> reference.Array:
            return weight_by_hand(scheme, [*values[:number], at, *values[number + 1 :]])

        assert_close(tensor.grad, reference.slopes(weight_at, values[number], g.numpy()), relative=1e-7)


@every
@every_impl
def test_the_layer_uses_the_weight(scheme: str, impl: str, kind: str) -> None:
    layer, plain = made(scheme, impl, kind), LAYERS[kind]().double()
    with torch.no_grad():
        plain.weight.copy_(layer.weight)
        plain.bias.copy_(layer.bias)
    x = torch.randn(INPUTS[kind], dtype=torch.float64)
    assert torch.equal(layer(x), plain(x))


@every
@every_impl
def test_float32(scheme: str, impl: str, kind: str) -> None:
    layer = made(scheme, impl, kind).float()
    values = [tensor.detach().double().numpy() for tensor in learned_by(layer, scheme)]
    assert layer.weight.dtype == torch.float32
    assert_close(layer.weight, weight_by_hand(scheme, values), relative=1e-6)


@every
@pytest.mark.parametrize("impl", ["native", "custom"])
def test_weight_norm_starts_where_the_layer_was_and_its_state_is_pytorchs(impl: str, kind: str) -> None:
    torch.manual_seed(0)
    plain = LAYERS[kind]().double()
    layer, other = made("weight_norm", impl, kind), made("weight_norm", "native", kind, seed=1)
    torch.testing.assert_close(layer.weight, plain.weight, rtol=1e-12, atol=0)
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other.weight, layer.weight, rtol=1e-12, atol=0)


@pytest.mark.parametrize("scheme", ["weight_standardization", "scaled_weight_standardization"])
def test_units_of_equal_weights_give_finite_gradients(scheme: str) -> None:
    layer = made(scheme, "custom", "linear")
    nn.init.ones_(layer.parametrizations.weight.original)
    layer.weight.sum().backward()
    assert torch.equal(layer.weight, torch.zeros(4, 5, dtype=torch.float64))
    assert layer.parametrizations.weight.original.grad.isfinite().all()


def test_what_is_of_weights_makes_no_layer_and_the_others_change_none() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"^norm 'weight_norm' is of a layer's weights; it makes no layer of its own"):
        SCHEMES["weight_norm"].build("custom", 8, 2)
    with pytest.raises(ValueError, match=r"^norm 'dyt' is of activations; it does not change a layer's weights\.$"):
        SCHEMES["dyt"].reparametrize("custom", layer, alpha=0.5, affine=True)
    with pytest.raises(ValueError, match=r"^unknown impl 'native' of norm 'weight_standardization'; allowed: custom"):
        SCHEMES["weight_standardization"].reparametrize("native", layer, eps=1e-5)


def test_a_norm_after_it_that_is_not_known_is_not_taken_for_none() -> None:
    settings = {"then": "none", "then_eps": 1e-5, "affine": True, "momentum": 0.1, "num_groups": 2}
    config = SCHEMES["weight_norm"].configured("custom", **settings)
    assert config.of_activations().name == "none"
    object.__setattr__(config, "then", "rms")  # past the check of what is typed
    with pytest.raises(ValueError, match=r"^norm\.then=rms names no norm of the activations$"):
        config.of_activations()
