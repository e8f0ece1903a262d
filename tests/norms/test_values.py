"""Every scheme, impl and shape against the float64 reference: outputs, gradients, running statistics."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bnlab.norms import SCHEMES, Scheme
from tests.norms import reference
from tests.norms.settings import ALWAYS_TRACKING, CASES, CUSTOM, DEFAULTS, GROUPED, PAIRED, SHAPES, TRACKING, case_id

every_case = pytest.mark.parametrize(("scheme", "impl", "ndim"), CASES, ids=case_id)


def build(scheme: Scheme, impl: str, ndim: int, **settings: Any) -> nn.Module:
    """The layer in float64, with γ and β (if it has them) drawn at random."""
    layer = scheme.build(impl, SHAPES[ndim][1], ndim, **(DEFAULTS[scheme.name] | settings)).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, 0.5, 2, generator=generator)
    return layer


def draw(ndim: int, offset: float = 0, seed: int = 0) -> Tensor:
    """A float64 input whose channels differ in mean and spread."""
    x = np.random.default_rng(seed).normal(size=SHAPES[ndim])
    scales = reference.per_channel(np.linspace(0.5, 3, SHAPES[ndim][1]), ndim)
    return torch.from_numpy(x * scales + scales + offset)


def affine(layer: nn.Module, ndim: int) -> tuple[reference.Array, reference.Array]:
    """γ and β, shaped to broadcast; 1 and 0 where the layer has none."""
    channels = SHAPES[ndim][1]
    state = state_of(layer)
    gamma, beta = state.get("weight", np.ones(channels)), state.get("bias", np.zeros(channels))
    return reference.per_channel(gamma, ndim), reference.per_channel(beta, ndim)


def state_of(layer: nn.Module) -> dict[str, reference.Array]:
    """Copies of the layer's parameters and buffers, those of its parts by their own names."""
    return {bare(name): np.array(tensor.detach().double().numpy()) for name, tensor in layer.state_dict().items()}


def bare(name: str) -> str:
    return name.rpartition(".")[2]


def expected_output(scheme: Scheme, layer: nn.Module, x: Tensor) -> reference.Array:
    """The reference's y in training, from the layer's state as it is."""
    return reference.output(scheme.name, x.detach().double().numpy(), state_of(layer), DEFAULTS[scheme.name])


def assert_close(actual: Tensor | None, expected: reference.Array, relative: float = 1e-12) -> None:
    """Equal up to `relative` of the largest expected value."""
    assert actual is not None
    np.testing.assert_allclose(
        actual.detach().double().numpy(), expected, rtol=0, atol=relative * np.abs(expected).max()
    )


@every_case
@pytest.mark.parametrize("with_affine", [True, False])
def test_training_output(scheme: Scheme, impl: str, ndim: int, with_affine: bool) -> None:
    layer = build(scheme, impl, ndim, affine=with_affine)
    assert ("weight" in state_of(layer)) == with_affine
    x = draw(ndim)
    expected = expected_output(scheme, layer, x)
    assert_close(layer(x), expected)


@every_case
def test_float32_output(scheme: Scheme, impl: str, ndim: int) -> None:
    layer = build(scheme, impl, ndim).float()
    x = draw(ndim).float()
    expected = expected_output(scheme, layer, x)
    y = layer(x)
    assert y.dtype == torch.float32
    assert_close(y, expected, relative=1e-6)


@every_case
def test_gradients_are_the_slopes_of_the_reference(scheme: Scheme, impl: str, ndim: int) -> None:
    """Of the input and of every parameter; what the scheme takes for constants is held, as stopgrad does."""
    if scheme.name == "online":
        return  # has a gradient of another kind: see test_running.py
    layer, settings = build(scheme, impl, ndim), DEFAULTS[scheme.name]
    state, values, g = state_of(layer), draw(ndim).numpy(), draw(ndim, seed=1)
    held = reference.constants(scheme.name, values, state, settings)
    x = torch.from_numpy(values.copy()).requires_grad_()
    layer(x).backward(g)

    def of_input(at: reference.Array) -> reference.Array:
        return reference.output(scheme.name, at, state, settings, held)

    assert_close(x.grad, reference.slopes(of_input, values, g.numpy()), relative=1e-7)
    for name, parameter in layer.named_parameters():

        def of_parameter(at: reference.Array, name: str = bare(name)) -> reference.Array:
            return reference.output(scheme.name, values, state | {name: at}, settings, held)

        assert_close(parameter.grad, reference.slopes(of_parameter, state[bare(name)], g.numpy()), relative=1e-7)


@pytest.mark.parametrize(("scheme", "impl", "ndim"), GROUPED, ids=case_id)
@pytest.mark.parametrize("with_affine", [True, False])
def test_gradients(scheme: Scheme, impl: str, ndim: int, with_affine: bool) -> None:
    layer = build(scheme, impl, ndim, affine=with_affine)
    x, g = draw(ndim).requires_grad_(), draw(ndim, seed=1)
    layer(x).backward(g)
    settings, gamma = DEFAULTS[scheme.name], affine(layer, ndim)[0]
    groups = settings.get("num_groups", 1)
    values, upstream = x.detach().numpy(), g.numpy()
    x_hat = reference.standardize(scheme.name, values, settings["eps"], groups)
    h = np.asarray(upstream * gamma)
    assert_close(x.grad, reference.input_gradient(scheme.name, values, h, settings["eps"], groups), relative=1e-11)
    expected = {"weight": reference.channel_sums(upstream * x_hat), "bias": reference.channel_sums(upstream)}
    for name, parameter in layer.named_parameters():
        assert_close(parameter.grad, expected[name])


@pytest.mark.parametrize(("scheme", "impl", "ndim"), CUSTOM, ids=case_id)
@pytest.mark.parametrize("with_affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_agree_with_finite_differences(
    scheme: Scheme, impl: str, ndim: int, with_affine: bool, training: bool
) -> None:
    if scheme.name in ("batch_renorm", "ghost_noise", "online") and training:
        return  # what is held in their gradients is not in a difference of two outputs
    layer = build(scheme, impl, ndim, affine=with_affine).train(training)
    parameters, buffers = dict(layer.named_parameters()), dict(layer.named_buffers())

    def function(x: Tensor, *values: Tensor) -> Tensor:
        state = dict(zip(parameters, values, strict=True)) | {name: value.clone() for name, value in buffers.items()}
        output: Tensor = torch.func.functional_call(layer, state, (x,))
        return output

    few = {2: draw(2), 3: draw(3)[:, :, :3], 4: draw(4)[:, :, :2]}[ndim]  # it takes two passes for each value
    assert torch.autograd.gradcheck(function, (few.clone().requires_grad_(), *parameters.values()))


@pytest.mark.parametrize(("scheme", "impl", "ndim"), TRACKING, ids=case_id)
@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, None])
def test_running_statistics(scheme: Scheme, impl: str, ndim: int, momentum: float | None) -> None:
    if scheme.name == "instance" and momentum is None:
        return  # refused: see test_errors.py
    layer = build(scheme, impl, ndim, momentum=momentum, track_running_stats=True)
    batches = [draw(ndim, seed=seed) for seed in range(4)]
    for batch in batches:
        layer(batch)
    mean, var = reference.running_statistics(scheme.name, [batch.numpy() for batch in batches], momentum)
    assert_close(layer.get_buffer("running_mean"), mean)
    assert_close(layer.get_buffer("running_var"), var)
    assert layer.get_buffer("num_batches_tracked") == (4 if scheme.name == "batch" else 0)
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    x = draw(ndim, seed=9)
    y = layer.eval()(x)
    gamma, beta = affine(layer, ndim)
    centred = x.numpy() - reference.per_channel(mean, ndim)
    assert_close(y, np.asarray(gamma * centred / np.sqrt(reference.per_channel(var, ndim) + 1e-5) + beta))
    for name, buffer in layer.named_buffers():
        assert torch.equal(buffer, before[name])


@pytest.mark.parametrize(
    ("scheme", "impl", "ndim"), [case for case in CASES if case not in ALWAYS_TRACKING], ids=case_id
)
def test_without_running_statistics_eval_is_training(scheme: Scheme, impl: str, ndim: int) -> None:
    settings = {"track_running_stats": False} if "track_running_stats" in DEFAULTS[scheme.name] else {}
    layer = build(scheme, impl, ndim, **settings)
    assert not list(layer.buffers())
    x = draw(ndim)
    assert_close(layer.eval()(x), expected_output(scheme, layer, x))


@pytest.mark.parametrize(("scheme", "impl", "ndim"), PAIRED, ids=case_id)
@pytest.mark.parametrize("with_affine", [True, False])
def test_state_is_interchangeable_with_torch(scheme: Scheme, impl: str, ndim: int, with_affine: bool) -> None:
    tracking = {"track_running_stats": True} if "track_running_stats" in DEFAULTS[scheme.name] else {}
    layers = [build(scheme, name, ndim, affine=with_affine, **tracking) for name in ("custom", "native")]
    for trained, other in (layers, layers[::-1]):
        trained.train()(draw(ndim, seed=3))
        other.load_state_dict(trained.state_dict())
        assert list(trained.state_dict()) == list(other.state_dict())
        x = draw(ndim, seed=4)
        assert_close(other.eval()(x), trained.eval()(x).detach().numpy())


@pytest.mark.parametrize("scheme", ["batch", "layer", "group"])
def test_far_from_zero_custom_is_no_worse_than_native(scheme: str) -> None:
    x = torch.from_numpy(1e4 + np.random.default_rng(0).normal(size=(64, 64))).float()
    errors = {}
    for name in ("native", "custom"):
        layer = SCHEMES[scheme].build(name, 64, 2, **DEFAULTS[scheme])
        errors[name] = np.square(layer(x).detach().double().numpy() - expected_output(SCHEMES[scheme], layer, x)).mean()
    assert errors["custom"] <= errors["native"]


@pytest.mark.parametrize("deviation", [1.0, 0.1])
@pytest.mark.parametrize("offset", [1e4, -1e4])
@pytest.mark.parametrize("shape", [(8, 64), (16, 64), (32, 64), (8, 8, 20), (32, 8, 20), (8, 8, 14, 14)])
def test_far_from_zero_custom_batch_is_no_worse_in_any_shape(
    shape: tuple[int, ...], offset: float, deviation: float
) -> None:
    """The largest error of a batch, summed over 20 batches, so that single roundings do not decide."""
    errors = {"native": np.zeros(4), "custom": np.zeros(4)}
    for seed in range(20):
        x, g = (torch.from_numpy(values).float() for values in np.random.default_rng(seed).normal(size=(2, *shape)))
        x = offset + deviation * x
        exact = after_a_batch("native", x.double(), g.double())
        for impl, total in errors.items():
            found = after_a_batch(impl, x, g)
            total += [(value - right).abs().max().item() for value, right in zip(found, exact, strict=True)]
    assert (errors["custom"] <= 1.1 * errors["native"]).all(), errors["custom"] / errors["native"]


def after_a_batch(impl: str, x: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    """y, the gradients of x and γ, and the variance that batch norm stores, computed in x's precision."""
    layer = SCHEMES["batch"].build(impl, x.shape[1], x.ndim, **DEFAULTS["batch"] | {"momentum": 1.0}).to(x.dtype)
    x = x.clone().requires_grad_()
    y = layer(x)
    y.backward(g)
    gradients = (x.grad, layer.get_parameter("weight").grad)
    return tuple(value.detach() for value in (y, *gradients, layer.get_buffer("running_var")) if value is not None)


@pytest.mark.parametrize(("scheme", "impl", "ndim"), [case for case in GROUPED if case[1] == "custom"], ids=case_id)
def test_far_from_zero_the_error_is_that_of_the_input(scheme: Scheme, impl: str, ndim: int) -> None:
    x = draw(ndim, offset=1e4).float()
    layer = build(scheme, impl, ndim, affine=False).float()
    expected = expected_output(scheme, layer, x)
    values = x.double().numpy()
    spread = min(values[index].std() for index in reference.groups_of(scheme.name, values.shape, 2))
    step = np.spacing(np.float32(1e4))  # the distance of neighbouring float32 numbers there, about 0.001
    assert np.abs(layer(x).double().numpy() - expected).max() < 2 * step / spread


@every_case
def test_needs_no_contiguous_input(scheme: Scheme, impl: str, ndim: int) -> None:
    layer = build(scheme, impl, ndim)
    x = draw(ndim)
    strided = x.transpose(0, -1).contiguous().transpose(0, -1).requires_grad_()
    assert not strided.is_contiguous()
    expected, before = expected_output(scheme, layer, x), copy.deepcopy(layer)
    y = layer(strided)
    assert_close(y, expected)
    g = draw(ndim, seed=1)
    y.backward(g.transpose(0, 1).contiguous().transpose(0, 1))
    dense = x.clone().requires_grad_()
    before(dense).backward(g)
    assert dense.grad is not None
    assert_close(strided.grad, dense.grad.numpy(), relative=1e-11)


def test_rms_without_eps_uses_the_machine_epsilon_of_the_input() -> None:
    x = torch.full((2, 4), 1e-4)
    expected = 1e-4 / np.sqrt(np.float64(np.float32(1e-4)) ** 2 + np.finfo(np.float32).eps)
    for impl in ("native", "custom"):
        y = SCHEMES["rms"].build(impl, 4, 2, eps=None, affine=False)(x)
        assert_close(y, np.full((2, 4), expected), relative=1e-6)
