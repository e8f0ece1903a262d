"""Initial weights against the distributions' formulas: bounds, standard deviation, and a Kolmogorov-Smirnov test."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from bnlab.models.init import initialize

IN, OUT = 300, 200


def drawn(scheme: str, gain: float | None = None, activation: str = "relu", seed: int = 0) -> nn.Linear:
    linear = nn.Linear(IN, OUT)
    initialize(nn.Sequential(linear), scheme, gain, activation, torch.Generator().manual_seed(seed))
    return linear


def assert_uniform(values: torch.Tensor, bound: float) -> None:
    assert values.abs().max().item() <= bound * (1 + 1e-6)
    assert stats.kstest(values.detach().flatten().numpy(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 0.01


def assert_normal(values: torch.Tensor, std: float) -> None:
    assert values.std().item() == pytest.approx(std, rel=0.02)
    assert stats.kstest(values.detach().flatten().numpy(), stats.norm(0, std).cdf).pvalue > 0.01


def test_pytorch_is_the_default_of_nn_linear() -> None:
    linear = drawn("pytorch")
    assert_uniform(linear.weight, 1 / math.sqrt(IN))
    assert_uniform(linear.bias, 1 / math.sqrt(IN))
    torch.manual_seed(0)
    default = nn.Linear(IN, OUT)
    assert linear.weight.std().item() == pytest.approx(default.weight.std().item(), rel=0.02)
    assert linear.weight.abs().max().item() == pytest.approx(default.weight.abs().max().item(), rel=1e-3)


@pytest.mark.parametrize(
    ("activation", "gain"),
    [("relu", math.sqrt(2)), ("gelu", math.sqrt(2)), ("tanh", 5 / 3), ("sigmoid", 1.0), ("linear", 1.0)],
)
def test_kaiming_has_the_activations_gain_over_the_root_of_fan_in(activation: str, gain: float) -> None:
    linear = drawn("kaiming", activation=activation)
    assert_normal(linear.weight, gain / math.sqrt(IN))
    assert not linear.bias.any()


def test_xavier_is_uniform_within_the_root_of_six_over_both_fans() -> None:
    linear = drawn("xavier")
    assert_uniform(linear.weight, math.sqrt(6 / (IN + OUT)))
    assert not linear.bias.any()


def test_normal_has_a_standard_deviation_of_a_hundredth() -> None:
    linear = drawn("normal")
    assert_normal(linear.weight, 0.01)
    assert not linear.bias.any()


def test_init_gain_is_the_factor_of_kaiming_and_xavier_and_the_std_of_normal() -> None:
    assert_normal(drawn("kaiming", 0.5).weight, 0.5 / math.sqrt(IN))
    assert_uniform(drawn("xavier", 0.5).weight, 0.5 * math.sqrt(6 / (IN + OUT)))
    assert_normal(drawn("normal", 0.5).weight, 0.5)


def test_biases_are_drawn_after_all_weights() -> None:
    with_bias = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    without = nn.Sequential(nn.Linear(5, 4, bias=False), nn.Linear(4, 3, bias=False))
    for model in (with_bias, without):
        initialize(model, "pytorch", None, "relu", torch.Generator().manual_seed(0))
    for a, b in zip(with_bias, without, strict=True):
        assert isinstance(a, nn.Linear)
        assert isinstance(b, nn.Linear)
        assert torch.equal(a.weight, b.weight)


def test_the_output_has_the_same_bias_whatever_biases_are_before_it() -> None:
    """At one seed `none` and `rms`, whose layers have biases, had another one than the schemes whose norms shift."""
    with_bias = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 4), nn.Linear(4, 3))
    without = nn.Sequential(nn.Linear(5, 4, bias=False), nn.Linear(4, 4, bias=False), nn.Linear(4, 3))
    for model in (with_bias, without):
        initialize(model, "pytorch", None, "relu", torch.Generator().manual_seed(0))
    assert torch.equal(with_bias[2].get_parameter("bias"), without[2].get_parameter("bias"))


def test_norms_keep_their_own_start() -> None:
    norms: tuple[nn.BatchNorm1d, nn.LayerNorm] = nn.BatchNorm1d(4), nn.LayerNorm(4)
    model = nn.Sequential(nn.Linear(5, 4), *norms)
    initialize(model, "normal", 3.0, "relu", torch.Generator().manual_seed(0))
    for norm in norms:
        assert torch.equal(norm.weight, torch.ones(4))
        assert torch.equal(norm.bias, torch.zeros(4))


def test_an_unknown_init_is_refused_and_is_not_a_normal_one() -> None:
    with pytest.raises(ValueError, match="no init 'orthogonal'"):
        drawn("orthogonal")
