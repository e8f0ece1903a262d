"""How large a model is: the one count of weights, for memory, threads and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from bnlab.config import ModelConfig
from bnlab.models.construction import build
from bnlab.models.init import layers_of
from bnlab.norms import SCHEMES


@dataclass(frozen=True)
class Size:
    """Of one replicate without norms.

    Attributes:
        weights: of its linear and convolutional layers, biases left out.
        activations: values that its layers give for one image, those that only pass them on counted too.
        largest: values of the layer that gives most of them.
        multiplications: of these layers in one image's forward pass.
    """

    weights: int
    activations: int
    largest: int
    multiplications: int


def size_of(model: ModelConfig, image: Sequence[int], classes: int) -> Size:
    """Size of the model on images of that shape (channels, height, width)."""
    built = build(model, SCHEMES["none"].configured("native"), image, classes, generator=None)
    layers = list(layers_of(built))
    weights = sum(layer.weight.numel() for layer in layers if isinstance(layer, nn.Linear | nn.Conv2d))
    activations = largest = multiplications = 0

    def count(layer: nn.Module, _: object, y: torch.Tensor) -> None:
        nonlocal activations, largest, multiplications
        activations, largest = activations + y.numel(), max(largest, y.numel())
        if isinstance(layer, nn.Linear | nn.Conv2d):
            multiplications += layer.weight.numel() * (y.numel() // len(layer.weight))

    for layer in layers:
        layer.register_forward_hook(count)
    built(torch.zeros(1, *image, device="meta"))
    return Size(weights, activations, largest, multiplications)
