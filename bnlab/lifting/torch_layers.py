"""Declarations of torch.nn's layers, which cannot make them themselves, and lifted forms for some of these layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from bnlab.declarations import Calls, Each
from bnlab.lifting.convolution import LiftedConvolution
from bnlab.lifting.lifted import Looped, Same
from bnlab.lifting.linear import LiftedLinear

DECLARED: dict[type[nn.Module], Each | Calls] = {
    nn.Sequential: Calls.IN_ORDER,
    nn.Identity: Each.VALUE,
    nn.ReLU: Each.VALUE,
    nn.GELU: Each.VALUE,
    nn.Tanh: Each.VALUE,
    nn.Sigmoid: Each.VALUE,
    nn.BatchNorm1d: Each.FEATURE,
    nn.BatchNorm2d: Each.FEATURE,
    nn.InstanceNorm1d: Each.FEATURE,
    nn.InstanceNorm2d: Each.FEATURE,
    nn.LayerNorm: Each.SAMPLE,
    nn.GroupNorm: Each.SAMPLE,
    nn.RMSNorm: Each.SAMPLE,
}


def _convolution(plain: Sequence[nn.Conv2d], owners: Sequence[int]) -> nn.Module:
    is_plain = plain[0].groups == 1 and plain[0].padding_mode == "zeros"
    return LiftedConvolution(plain, owners) if is_plain else Looped(plain, owners)


def _flatten(plain: Sequence[nn.Flatten], owners: Sequence[int]) -> nn.Module:
    """Axes that are counted from the first one move by one, for the replicate axis."""
    start, end = (axis + 1 if axis >= 0 else axis for axis in (plain[0].start_dim, plain[0].end_dim))
    return Same([nn.Flatten(start, end)], owners)


OF_THEIR_OWN: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.Linear: LiftedLinear,
    nn.Conv2d: _convolution,
    nn.Flatten: _flatten,
}
