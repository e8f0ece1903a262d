"""What the norms refuse, and in which words."""

import re
from typing import Any

import pytest
import torch

from bnlab.norms import SCHEMES
from tests.norms.settings import DEFAULTS

both = pytest.mark.parametrize("impl", ["native", "custom"])


def refuse(text: str, scheme: str, impl: str, channels: int = 8, ndim: int = 2, **settings: Any) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        SCHEMES[scheme].build(impl, channels, ndim, **(DEFAULTS[scheme] | settings))


def test_unknown_impl() -> None:
    refuse("unknown impl 'kers' of norm 'batch'; allowed: native, custom, keras.", "batch", "kers")


@pytest.mark.parametrize("scheme", [name for name, scheme in SCHEMES.items() if not scheme.of_weights])
@pytest.mark.parametrize("ndim", [1, 5])
def test_unknown_ndim(scheme: str, ndim: int) -> None:
    text = (
        f"norm '{scheme}' got inputs of {ndim} dimensions; allowed: 2 for (N, C), 3 for (N, C, L), 4 for (N, C, H, W)."
    )
    refuse(text, scheme, "custom", ndim=ndim)


@both
@pytest.mark.parametrize("num_groups", [0, 3, 16])
def test_groups_that_do_not_divide(impl: str, num_groups: int) -> None:
    text = f"num_groups={num_groups} does not divide 8 channels; allowed: 1, 2, 4, 8."
    refuse(text, "group", impl, num_groups=num_groups)


INSTANCE = (
    "instance normalization needs a spatial axis: in (N, C) each channel has one value per sample, whose deviation from"
    " its own mean is zero, so the output is beta whatever the input; use a convolutional model, or norm=layer."
)


@both
def test_instance_without_a_spatial_axis(impl: str) -> None:
    refuse(INSTANCE, "instance", impl)


def test_custom_instance_given_no_spatial_axis_later() -> None:
    layer = SCHEMES["instance"].build("custom", 8, 3, **DEFAULTS["instance"])
    with pytest.raises(ValueError, match=re.escape(INSTANCE)):
        layer(torch.zeros(4, 8))


@both
def test_instance_with_one_spatial_value(impl: str) -> None:
    layer = SCHEMES["instance"].build(impl, 8, 3, **DEFAULTS["instance"])
    text = "Expected more than 1 spatial element when training, got input size torch.Size([4, 8, 1])"
    with pytest.raises(ValueError, match=re.escape(text)):
        layer(torch.zeros(4, 8, 1))


@both
def test_instance_running_statistics_without_momentum(impl: str) -> None:
    text = (
        "instance normalization with running statistics got momentum=None, which torch.nn.InstanceNorm takes as 0, so"
        " that they never move; set a momentum in (0, 1], or track_running_stats=False."
    )
    refuse(text, "instance", impl, ndim=4, momentum=None, track_running_stats=True)


@pytest.mark.parametrize("ndim", [3, 4])
def test_native_rms_with_spatial_axes(ndim: int) -> None:
    text = (
        "native rms normalization takes (N, C) only: with spatial axes torch.nn.RMSNorm has a gamma for each position,"
        " not for each channel; use norm.impl=custom, or norm=layer."
    )
    refuse(text, "rms", "native", ndim=ndim)


@both
@pytest.mark.parametrize("shape", [(1, 8), (1, 8, 1), (1, 8, 1, 1)])
def test_batch_of_one_value_per_channel(impl: str, shape: tuple[int, ...]) -> None:
    layer = SCHEMES["batch"].build(impl, 8, len(shape), **DEFAULTS["batch"])
    text = f"Expected more than 1 value per channel when training, got input size {torch.Size(shape)}"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        layer(torch.zeros(shape))
    assert layer.get_buffer("num_batches_tracked") == (1 if impl == "native" else 0)
    assert layer.eval()(torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("scheme", ["batch", "layer"])
def test_second_derivatives_are_refused_not_wrong(scheme: str) -> None:
    layer = SCHEMES[scheme].build("custom", 8, 2, **DEFAULTS[scheme])
    x = torch.randn(4, 8, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"no second derivative; use norm.impl=native for it\.$"):
        torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
