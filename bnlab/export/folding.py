"""Folds batch norm: at test time it is affine, so it can become a part of the linear layer before it.

With the running statistics μ and σ², and s = γ / √(σ² + ε) for each channel,

    γ (W x + b − μ) / √(σ² + ε) + β  =  (s W) x + (s (b − μ) + β)

(Jacob et al. 2018, arXiv 1712.05877, section 3.2). Max pooling may stand between the two if every s is positive, as
the largest value then stays the largest.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bnlab.errors import UserError
from bnlab.models import MaxPool
from bnlab.norms import NormConfig

FOLDED = ("batch", "ghost_batch", "precise_batch")
"""The schemes that compute the formula above at test time."""


def folded(model: nn.Module, norm: NormConfig) -> nn.Module:
    """A copy of a trained model with its batch norms folded: identities in their places, and a bias in each layer.

    Raises:
        UserError: the norm is not affine at test time, or there is no layer before it to fold it into.
    """
    _check(norm)
    copied = copy.deepcopy(model).eval()
    for sequence in [module for module in copied.modules() if isinstance(module, nn.Sequential)]:
        for index, layer in enumerate(sequence):
            if _is_norm(layer):
                _fold(sequence, index)
    left = [name for name, layer in copied.named_modules() if _is_norm(layer)]
    if left:
        raise UserError(f"--fold: {left[0]} does not stand behind a layer with weights, so nothing can take it")
    return copied


def _check(norm: NormConfig) -> None:
    if norm.name not in FOLDED or norm.impl == "keras":
        what = f"norm={norm.name}" if norm.name not in FOLDED else "norm.impl=keras"
        raise UserError(
            f"--fold: {what} cannot be folded; allowed: norm={', '.join(FOLDED)}, native or custom, whose statistics "
            "are constants at test time. Leave --fold out"
        )
    if not getattr(norm, "track_running_stats", True):
        raise UserError(
            "--fold: with norm.track_running_stats=false the statistics are those of each test batch; leave --fold out"
        )


def _is_norm(layer: nn.Module) -> bool:
    return isinstance(getattr(layer, "running_mean", None), Tensor)


def _before(sequence: nn.Sequential, index: int) -> Iterator[nn.Module]:
    """The layers before place `index`, the nearest first; identities are left out."""
    return (layer for layer in reversed(list(sequence)[:index]) if not isinstance(layer, nn.Identity))


def _fold(sequence: nn.Sequential, index: int) -> None:
    layer, pooled = next(before := _before(sequence, index), None), False
    if isinstance(layer, MaxPool):
        layer, pooled = next(before, None), True
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        there = "nothing" if layer is None else type(layer).__name__
        raise UserError(
            f"--fold: before a batch norm stands {there}, where a linear or convolutional layer is needed; it can be "
            "folded with model.norm_position=pre and model.norm_input=false. Leave --fold out"
        )
    scale, shift = _affine(sequence[index])
    if pooled and not bool((scale > 0).all()):
        raise UserError(
            "--fold: a gamma is not positive, and stands behind max pooling, of which it takes the smallest value; "
            "leave --fold out"
        )
    weight = layer.weight.double()
    bias = torch.zeros(len(weight), dtype=torch.float64) if layer.bias is None else layer.bias.double()
    layer.weight.data = (weight * scale.view(-1, *(1,) * (weight.ndim - 1))).to(layer.weight.dtype)
    layer.bias = nn.Parameter((bias * scale + shift).to(layer.weight.dtype))
    sequence[index] = nn.Identity()


def _affine(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """The scale s and the shift β − s μ of a batch norm, (C,) in float64."""
    mean, variance, eps = (getattr(norm, name) for name in ("running_mean", "running_var", "eps"))
    scale = (variance.double() + eps).rsqrt()
    shift = torch.zeros_like(scale)
    gamma, beta = norm.weight, norm.bias
    if isinstance(gamma, Tensor) and isinstance(beta, Tensor):
        scale, shift = scale * gamma.double(), beta.double()
    return scale, shift - scale * mean.double()
