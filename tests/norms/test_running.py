"""Running statistics of the schemes that always keep them, and what they make of an input at test time."""

import copy
import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bnlab.norms import SCHEMES, Scheme
from bnlab.norms.batch_renorm import BatchRenorm
from tests.norms import reference
from tests.norms.settings import ALWAYS_TRACKING, CASES, DEFAULTS, SHAPES, case_id
from tests.norms.test_values import assert_close, build, draw, state_of
from tests.on_mps import OnMPS

every_shape = pytest.mark.parametrize("ndim", SHAPES)


def batches(ndim: int) -> list[reference.Array]:
    return [draw(ndim, seed=seed).numpy() for seed in range(4)]


def shown(scheme: str, ndim: int, **settings: Any) -> nn.Module:
    """A layer after these batches."""
    layer = build(SCHEMES[scheme], "custom", ndim, **settings)
    for batch in batches(ndim):
        layer(torch.from_numpy(batch))
    return layer


@every_shape
@pytest.mark.parametrize("momentum", [0.1, 1.0, None])
def test_ghosts_update_one_after_another(ndim: int, momentum: float | None) -> None:
    layer = shown("ghost_batch", ndim, momentum=momentum)
    ghosts = [ghost for batch in batches(ndim) for ghost in reference.ghosts(batch, DEFAULTS["ghost_batch"])]
    assert len(ghosts) == (12 if ndim == 2 else 8)
    mean, var = reference.running_statistics("batch", ghosts, momentum)
    assert_close(layer.get_buffer("running_mean"), mean)
    assert_close(layer.get_buffer("running_var"), var)
    assert layer.get_buffer("num_batches_tracked") == len(ghosts)


@every_shape
def test_precise_batch_keeps_moving_averages_until_a_population_replaces_them(ndim: int) -> None:
    layer = shown("precise_batch", ndim)
    mean, var = reference.running_statistics("batch", batches(ndim), 0.1)
    assert_close(layer.get_buffer("running_mean"), mean)
    assert_close(layer.get_buffer("running_var"), var)


@every_shape
def test_batch_renorm_averages_deviations(ndim: int) -> None:
    layer = shown("batch_renorm", ndim, momentum=0.3)
    mean, std = np.zeros(8), np.ones(8)
    for batch in batches(ndim):
        for channel in range(8):
            mu, var = reference.moments(batch[:, channel])
            mean[channel] += 0.3 * (mu - mean[channel])
            std[channel] += 0.3 * (math.sqrt(var + 1e-5) - std[channel])
    assert_close(layer.get_buffer("running_mean"), mean)
    assert_close(layer.get_buffer("running_std"), std)
    x, state = draw(ndim, seed=9), state_of(layer)
    x_hat = (x.numpy() - reference.per_channel(mean, ndim)) / reference.per_channel(std, ndim)
    gamma, beta = (reference.per_channel(state[name], ndim) for name in ("weight", "bias"))
    assert_close(layer.eval()(x), np.asarray(gamma * x_hat + beta))


@every_shape
@pytest.mark.parametrize("scheme", ["l1_batch", "mean_only_batch", "variance_only_batch"])
def test_halves_of_batch_norm_and_its_l1_form_at_test_time(scheme: str, ndim: int) -> None:
    layer = shown(scheme, ndim, momentum=0.3)
    expected: dict[str, reference.Array] = {}
    for batch in batches(ndim):
        for channel in range(8):
            values = batch[:, channel]
            mean, var = reference.moments(values)
            fed = {"running_mean": mean, "running_var": var * values.size / (values.size - 1)}
            fed["running_std"] = reference.absolute_deviation(values)
            for name, value in fed.items():
                running = expected.setdefault(name, np.full(8, 0.0 if name == "running_mean" else 1.0))
                running[channel] += 0.3 * (value - running[channel])
    for name, buffer in layer.named_buffers():
        assert_close(buffer, expected[name])
    x, state = draw(ndim, seed=9), state_of(layer)
    centre, running_var, std, gamma, beta = (
        reference.per_channel(values, ndim)
        for values in (*(expected[n] for n in ("running_mean", "running_var", "running_std")), *affine_of(state))
    )
    by_scheme = {
        "mean_only_batch": x.numpy() - centre,
        "variance_only_batch": x.numpy() / np.sqrt(running_var + 1e-5),
        "l1_batch": (x.numpy() - centre) / (std + 1e-5),
    }
    assert_close(layer.eval()(x), np.asarray(gamma * by_scheme[scheme] + beta))


def affine_of(state: reference.State) -> tuple[reference.Array, reference.Array]:
    return state["weight"], state["bias"]


def test_l1_batch_norm_of_normal_values_is_batch_norm() -> None:
    """Cause of the factor: the mean absolute deviation of a normal distribution is its standard one times √(2/π)."""
    x = torch.from_numpy(np.random.default_rng(0).normal(3, 2, (200_000, 1)))
    y = SCHEMES["l1_batch"].build("custom", 1, 2, **DEFAULTS["l1_batch"]).double()(x)
    assert y.std().item() == pytest.approx(1, abs=0.005)


@every_shape
def test_batch_renorm_without_clipping_trains_as_it_tests(ndim: int) -> None:
    layer = shown("batch_renorm", ndim, r_max=100.0, d_max=100.0)
    x = draw(ndim, seed=9)
    assert_close(layer(x), layer_before(layer, ndim, x))


def layer_before(layer: nn.Module, ndim: int, x: torch.Tensor) -> reference.Array:
    """What the layer, before its last batch, gives at test time."""
    again = shown("batch_renorm", ndim, r_max=100.0, d_max=100.0)
    for parameter, value in zip(again.parameters(), layer.parameters(), strict=True):
        parameter.data.copy_(value)
    y: reference.Array = again.eval()(x).detach().numpy()
    return y


def test_the_schedule_of_batch_renorm_is_the_papers() -> None:
    """At scale 1: r_max 1 and d_max 0 up to step 5,000; d_max 5 from 25,000, r_max 3 from 40,000; between, a line."""
    layer = BatchRenorm(1, eps=1e-5, momentum=0.01, affine=True, r_max=3.0, d_max=5.0, schedule_scale=1.0)
    expected = {0: (1, 0), 5_000: (1, 0), 15_000: (1 + 2 * 10 / 35, 2.5), 25_000: (1 + 2 * 20 / 35, 5), 40_000: (3, 5)}
    for step, bounds in (expected | {10**6: (3, 5)}).items():
        layer.num_batches_tracked.fill_(step)
        assert [bound.item() for bound in layer.bounds()] == pytest.approx(bounds)
    layer.schedule_scale = 0.1
    layer.num_batches_tracked.fill_(1_500)
    assert [bound.item() for bound in layer.bounds()] == pytest.approx((1 + 2 * 10 / 35, 2.5))


def test_batch_renorms_bounds_are_float32_where_there_is_no_float64() -> None:
    layer = BatchRenorm(1, eps=1e-5, momentum=0.01, affine=True, r_max=3.0, d_max=5.0, schedule_scale=1.0)
    layer.num_batches_tracked = torch.tensor(15_000).as_subclass(OnMPS)
    assert [float(bound.cpu()) for bound in layer.bounds()] == pytest.approx((1 + 2 * 10 / 35, 2.5))


def test_batch_renorm_starts_as_batch_norm() -> None:
    settings = DEFAULTS["batch_renorm"] | {"schedule_scale": 1.0}
    x = draw(2)
    renorm, batch = SCHEMES["batch_renorm"].build("custom", 8, 2, **settings).double(), nn.BatchNorm1d(8).double()
    assert_close(renorm(x), batch(x).detach().numpy())


@every_shape
def test_switchable_at_test_time(ndim: int) -> None:
    layer = shown("switchable", ndim, momentum=0.3)
    mean, var = np.zeros(8), np.ones(8)
    for batch in batches(ndim):
        for channel in range(8):
            mu, biased = reference.moments(batch[:, channel])
            mean[channel] += 0.3 * (mu - mean[channel])
            var[channel] += 0.3 * (biased - var[channel])
    assert_close(layer.get_buffer("running_mean"), mean)
    assert_close(layer.get_buffer("running_var"), var)
    x, state = draw(ndim, seed=9).numpy(), state_of(layer)
    means, variances = reference.softmax(state["mean_logits"]), reference.softmax(state["var_logits"])
    expected = np.empty_like(x)
    for sample in range(len(x)):
        for channel in range(8):
            sets = [reference.moments(x[sample, channel]), reference.moments(x[sample]), (mean[channel], var[channel])]
            sets = sets[-len(means) :]
            mu = sum(share * m for share, (m, _) in zip(means, sets, strict=True))
            sigma = math.sqrt(sum(share * v for share, (_, v) in zip(variances, sets, strict=True)) + 1e-5)
            x_hat = (x[sample, channel] - mu) / sigma
            expected[sample, channel] = state["weight"][channel] * x_hat + state["bias"][channel]
    assert_close(layer.eval()(torch.from_numpy(x)), expected)


@pytest.mark.parametrize(("scheme", "impl", "ndim"), CASES, ids=case_id)
def test_a_state_dict_brings_everything_back(scheme: Scheme, impl: str, ndim: int) -> None:
    trained, fresh = build(scheme, impl, ndim), build(scheme, impl, ndim)
    for batch in batches(ndim):
        trained(torch.from_numpy(batch))
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    x = draw(ndim, seed=9)
    for mode in (False, True):
        assert torch.equal(fresh.train(mode)(x), trained.train(mode)(x))


@pytest.mark.parametrize("scheme", ["ghost_batch", "precise_batch"])
def test_their_state_is_that_of_batch_norm(scheme: str) -> None:
    layer, native = shown(scheme, 2), nn.BatchNorm1d(8).double()
    native.load_state_dict(layer.state_dict())
    x = draw(2, seed=9)
    assert_close(native.eval()(x), layer.eval()(x).detach().numpy())


@pytest.mark.parametrize("scheme", sorted({case[0].name for case in ALWAYS_TRACKING} - {"online"}))
def test_one_value_per_channel_is_refused_in_training(scheme: str) -> None:
    layer = SCHEMES[scheme].build("custom", 8, 2, **DEFAULTS[scheme])
    with pytest.raises(ValueError, match=r"^Expected more than 1 value per channel when training, got input size "):
        layer(torch.zeros(1, 8))
    assert layer.eval()(torch.zeros(1, 8)).shape == (1, 8)


@every_shape
def test_power_norm_after_its_warm_up(ndim: int) -> None:
    """Its outputs, its gradients, and what both move: by the averages of before."""
    layer = build(SCHEMES["power"], "custom", ndim, momentum=0.3, gradient_momentum=0.2)
    state, square, nu = state_of(layer), np.ones(8), np.zeros(8)
    gamma, beta = (reference.per_channel(values, ndim) for values in affine_of(state))
    for number in range(3):
        x, g = draw(ndim, seed=number).requires_grad_(), draw(ndim, seed=10 + number)
        y, values = layer(x), x.detach().numpy()
        y.backward(g)
        of_batch = np.array([sum(v * v for v in values[:, c].flat) / values[:, c].size for c in range(8)])
        root = reference.per_channel(np.sqrt((of_batch if number == 0 else square) + 1e-5), ndim)
        x_hat, h = values / root, gamma * g.numpy()
        along = reference.channel_sums(h * x_hat) / x_hat[:, 0].size
        used = reference.per_channel(along if number == 0 else nu, ndim)
        assert_close(y, np.asarray(gamma * x_hat + beta))
        assert_close(x.grad, (h - used * x_hat) / root)
        nu += 0.2 * (along - nu * reference.channel_sums(x_hat**2) / x_hat[:, 0].size)
        square += 0.3 * (of_batch - square)
    assert_close(layer.get_buffer("running_mean_square"), square)
    assert_close(layer.get_buffer("running_projection"), nu)
    x = draw(ndim, seed=9)
    assert_close(layer.eval()(x), gamma * x.numpy() / reference.per_channel(np.sqrt(square + 1e-5), ndim) + beta)


@every_shape
def test_online_norm_goes_on_from_batch_to_batch(ndim: int) -> None:
    """Its statistics and its control, sample by sample."""
    layer, settings = build(SCHEMES["online"], "custom", ndim), DEFAULTS["online"]
    u, q = np.zeros(8), np.zeros(8)
    for number in range(3):
        state, x, g = state_of(layer), draw(ndim, seed=number).requires_grad_(), draw(ndim, seed=10 + number)
        values = x.detach().numpy()
        x_hat = reference.online_x_hat(values, state, settings)
        means, variances = reference.online_statistics(values, state, settings)
        h = reference.slopes(lambda at, s=state: reference.after_online(at, s, settings), x_hat, g.numpy())  # type: ignore[misc]
        expected = np.empty_like(values)
        for t in range(len(values)):
            for channel in range(8):
                controlled = h[t, channel] - 0.2 * u[channel] * x_hat[t, channel]
                expected[t, channel] = controlled / math.sqrt(variances[t, channel] + 1e-5) - 0.2 * q[channel]
                u[channel] += np.mean(controlled * x_hat[t, channel])
                q[channel] += np.mean(expected[t, channel])
        layer(x).backward(g)
        assert_close(x.grad, expected, relative=1e-7)
        for name, value in {"running_mean": means[-1], "running_var": variances[-1]}.items():
            assert_close(layer.get_submodule("norm").get_buffer(name), value)
    for name, value in {"output_error": u, "input_error": q}.items():
        assert_close(layer.get_submodule("norm").get_buffer(name), value, relative=1e-7)
    x = draw(ndim, seed=9)
    shape = (-1, *(1,) * (ndim - 2))
    x_hat = (x.numpy() - means[-1].reshape(shape)) / np.sqrt(variances[-1].reshape(shape) + 1e-5)
    assert_close(layer.eval()(x), reference.after_online(x_hat, state_of(layer), settings))


def test_online_norm_in_one_batch_or_in_two_is_the_same() -> None:
    whole, halves = (build(SCHEMES["online"], "custom", 4) for _ in range(2))
    x = draw(4)
    assert_close(torch.cat([halves(x[:3]), halves(x[3:])]), whole(x).detach().numpy())


@every_shape
@pytest.mark.parametrize("own_share", [None, 0.0, 0.3])
def test_eval_norm_mixes_the_sample_in(ndim: int, own_share: float | None) -> None:
    """A mixture's variance is the mean of its squares less the square of its mean."""
    layer = shown("eval_norm", ndim, momentum=0.3, own_share=own_share)
    assert layer.get_buffer("largest_batch") == SHAPES[ndim][0]
    mean, var = reference.running_statistics("batch", batches(ndim), 0.3)
    share = 1 / SHAPES[ndim][0] ** 2 if own_share is None else own_share
    x, state = draw(ndim, seed=9).numpy(), state_of(layer)
    expected = np.empty_like(x)
    for sample in range(len(x)):
        for channel in range(8):
            own, own_var = reference.moments(np.atleast_1d(x[sample, channel]))
            mixed = (1 - share) * mean[channel] + share * own
            square = (1 - share) * (var[channel] + mean[channel] ** 2) + share * (own_var + own**2)
            x_hat = (x[sample, channel] - mixed) / math.sqrt(square - mixed**2 + 1e-5)
            expected[sample, channel] = state["weight"][channel] * x_hat + state["bias"][channel]
    assert_close(layer.eval()(torch.from_numpy(x)), expected)


@every_shape
@pytest.mark.parametrize("scheme", ["noisy_batch", "ghost_noise"])
def test_noise_is_for_training_only(scheme: str, ndim: int) -> None:
    layer = shown(scheme, ndim, momentum=0.3)
    mean, var = reference.running_statistics("batch", batches(ndim), 0.3)
    x, state = draw(ndim, seed=9), state_of(layer)
    assert_close(torch.from_numpy(state["running_mean"]), mean)
    x_hat = (x.numpy() - reference.per_channel(mean, ndim)) / np.sqrt(reference.per_channel(var, ndim) + 1e-5)
    gamma, beta = (reference.per_channel(values, ndim) for values in affine_of(state))
    assert_close(layer.eval()(x), np.asarray(gamma * x_hat + beta))


@pytest.mark.parametrize("scheme", ["noisy_batch", "ghost_noise"])
def test_noise_is_another_one_in_each_batch_and_for_each_seed(scheme: str) -> None:
    def outputs(seed: int) -> list[torch.Tensor]:
        layer: Any = build(SCHEMES[scheme], "custom", 2)
        layer.noise.draw(seed)
        return [layer(draw(2)) for _ in range(2)]

    first, second = outputs(3)
    assert torch.equal(first, outputs(3)[0])
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, outputs(4)[0])


@every_shape
def test_ghost_noise_by_layer_norm(ndim: int) -> None:
    layer = build(SCHEMES["ghost_noise"], "custom", ndim, by="layer")
    x, settings = draw(ndim), DEFAULTS["ghost_noise"] | {"by": "layer"}
    expected = reference.output("ghost_noise", x.numpy(), state_of(layer), settings)
    assert_close(layer(x), expected)
    assert_close(layer.eval()(x), reference.output("layer", x.numpy(), state_of(layer), settings))


def test_the_noise_of_noisy_batch_norm_has_the_papers_distribution() -> None:
    """Of 4,000 channels: their shifts within ±0.5 and 0.29 in deviation, their scales from 1 to 1.25; 0.1 off these."""
    layer: Any = SCHEMES["noisy_batch"].build("custom", 4_000, 2, **DEFAULTS["noisy_batch"])
    shifts = layer.noise(torch.zeros(60, 4_000))
    scales = copy.deepcopy(layer.noise.train())
    scales.count.sub_(1)
    scales = scales(torch.ones(60, 4_000)) - shifts
    assert shifts.mean(0).std().item() == pytest.approx(1 / math.sqrt(12), rel=0.05)
    assert shifts.std(0).mean().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.02)
    assert shifts.abs().max() <= 0.6
    assert (scales.mean().item(), scales.std(0).mean().item()) == pytest.approx((1.125, 0.1), rel=0.02)


@pytest.mark.parametrize("function", ["erf", "tanh", "arctan", "isru", "clip", "dyisru"])
def test_every_bounded_function(function: str) -> None:
    layer = build(SCHEMES["bounded"], "custom", 4, function=function)
    x = draw(4)
    expected = reference.output("bounded", x.numpy(), state_of(layer), DEFAULTS["bounded"] | {"function": function})
    assert_close(layer(x), expected)


def test_dyisru_is_layer_norm_of_one_large_value() -> None:
    """With α = 1/√(C b), of layer norm's x / √(b + x²/C) where all other values are 0 and the mean is left out."""
    layer = SCHEMES["bounded"].build("custom", 8, 2, function="dyisru", alpha=0.5, shift=0.0, affine=False)
    x = torch.tensor([[3.0] + [0.0] * 7])
    assert layer(x)[0, 0].item() == pytest.approx(math.sqrt(8) * 3 / math.sqrt(4 + 9))


def test_frn_learns_eps_without_space_only() -> None:
    flat, spatial = (SCHEMES["frn"].build("custom", 8, ndim, **DEFAULTS["frn"]) for ndim in (2, 4))
    assert torch.equal(flat.state_dict()["learned_eps"], torch.full((8,), 1e-4))
    assert "learned_eps" not in spatial.state_dict()


def test_switchable_starts_at_equal_shares_and_leaves_out_instances_without_space() -> None:
    for ndim, statistics in ((2, 2), (3, 3), (4, 3)):
        layer = SCHEMES["switchable"].build("custom", 8, ndim, **DEFAULTS["switchable"])
        assert torch.equal(layer.state_dict()["var_logits"], torch.zeros(statistics))


def test_a_learned_eps_counts_by_its_size() -> None:
    layer = build(SCHEMES["frn"], "custom", 2)
    x = draw(2)
    before = layer(x).detach().numpy()
    with torch.no_grad():
        layer.get_parameter("learned_eps").neg_()
    assert_close(layer(x), before)
