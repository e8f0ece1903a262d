"""Initial weights, drawn so that one seed gives the same weights whatever norms are in the network."""

from __future__ import annotations

import math

import torch
from torch import nn


def initialize(model: nn.Module, scheme: str, gain: float | None, activation: str, generator: torch.Generator) -> None:
    """Draws the weights of every linear layer in place; norms keep their own start (gamma 1, beta 0).

    All weights are drawn before the first bias: a network that has no bias before its norms draws the same weights
    as one that has.

    Args:
        scheme: `pytorch`: nn.Linear's default, U(-1/sqrt(in), 1/sqrt(in)) for weights and biases;
            `kaiming`: N(0, gain^2 / in), gain by default that of the activation (He et al., 2015), biases 0;
            `xavier`: U(-a, a) with a = gain sqrt(6 / (in + out)), gain 1 by default (Glorot & Bengio, 2010; Keras's
            default), biases 0;
            `normal`: N(0, gain^2), gain 0.01 by default, biases 0.
    """
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for linear in linears:
        _draw_weight(linear.weight, scheme, gain, activation, generator)
    for linear in linears:
        if linear.bias is not None:
            bound = 1 / math.sqrt(linear.in_features) if scheme == "pytorch" else 0.0
            nn.init.uniform_(linear.bias, -bound, bound, generator=generator)


def _draw_weight(
    weight: torch.Tensor, scheme: str, gain: float | None, activation: str, generator: torch.Generator
) -> None:
    fan_in = weight.shape[1]
    if scheme == "pytorch":
        bound = 1 / math.sqrt(fan_in)
        nn.init.uniform_(weight, -bound, bound, generator=generator)
    elif scheme == "kaiming":
        # PyTorch knows no gain of GELU; it is close to ReLU's.
        usual = nn.init.calculate_gain("relu" if activation == "gelu" else activation)  # type: ignore[arg-type]  # a Literal
        nn.init.normal_(weight, 0.0, (gain or usual) / math.sqrt(fan_in), generator=generator)
    elif scheme == "xavier":
        nn.init.xavier_uniform_(weight, gain or 1.0, generator=generator)
    else:
        nn.init.normal_(weight, 0.0, gain or 0.01, generator=generator)
