"""Initial weights: a seed gives the same weights whatever norms are in the network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from bnlab.declarations import Noise
from bnlab.models.tokens import Positions


def initialize(model: nn.Module, scheme: str, gain: float | None, activation: str, generator: torch.Generator) -> None:
    """Draws the weights and biases of a model's layers in place. Norms keep theirs (gamma 1, beta 0).

    Networks differ in which layers have a bias, since a layer before a norm needs none. So that they draw the same
    weights all the same, all weights are drawn before the biases, and the output layer's bias, which all have, first
    of these. Learned positions are drawn in the same way under every scheme.

    Args:
        model: the model.
        scheme: how to draw, `in` and `out` being the inputs and outputs of a unit, times the positions of a
            convolution's kernel:
            `pytorch`: nn.Linear's and nn.Conv2d's default, U(-1/sqrt(in), 1/sqrt(in)) for weights and biases;
            `kaiming`: N(0, gain^2 / in), gain by default that of the activation (He et al., 2015), biases 0;
            `xavier`: U(-a, a) with a = gain sqrt(6 / (in + out)), gain 1 by default (Glorot & Bengio, 2010; Keras's
            default), biases 0;
            `normal`: N(0, gain^2), gain 0.01 by default, biases 0.
        gain: the scheme's gain; None: its default.
        activation: the network's, for kaiming's default gain.
        generator: draws.

    Raises:
        ValueError: the scheme is none of these.
    """
    with_weights = weight_layers(model)
    for layer in with_weights:
        _draw_weight(layer.weight, scheme, gain, activation, generator)
    for positions in (layer for layer in layers_of(model) if isinstance(layer, Positions)):
        positions.draw(generator)
    for number, noise in enumerate(layer for layer in layers_of(model) if isinstance(layer, Noise)):
        noise.draw(generator.initial_seed() % 2**31 + number)
    for layer in reversed(with_weights):
        if layer.bias is not None:
            bound = 1 / math.sqrt(layer.weight[0].numel()) if scheme == "pytorch" else 0.0
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def layers_of(model: nn.Module) -> Iterator[nn.Module]:
    """The layers of a model, or of a part of one, in their order. A layer, such as a norm, is not taken apart."""
    if type(model) is nn.Sequential or "holds_layers" in vars(type(model)):
        for part in model.children():
            yield from layers_of(part)
    else:
        yield model


def weight_layers(model: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """The linear and convolutional layers of a model, in their order; those inside a norm are left out."""
    return [layer for layer in layers_of(model) if isinstance(layer, nn.Linear | nn.Conv2d)]


def _draw_weight(
    weight: torch.Tensor, scheme: str, gain: float | None, activation: str, generator: torch.Generator
) -> None:
    fan_in = weight[0].numel()
    if scheme == "pytorch":
        bound = 1 / math.sqrt(fan_in)
        nn.init.uniform_(weight, -bound, bound, generator=generator)
    elif scheme == "kaiming":
        # PyTorch has no gain for GELU; ReLU's is close.
        usual = nn.init.calculate_gain("relu" if activation == "gelu" else activation)  # type: ignore[arg-type]  # a Literal
        nn.init.normal_(weight, 0.0, (gain or usual) / math.sqrt(fan_in), generator=generator)
    elif scheme == "xavier":
        nn.init.xavier_uniform_(weight, gain or 1.0, generator=generator)
    elif scheme == "normal":
        nn.init.normal_(weight, 0.0, gain or 0.01, generator=generator)
    else:
        raise ValueError(f"there is no init '{scheme}'")
