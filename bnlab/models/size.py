"""How large a model is, for estimates of memory and for the choice of threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from bnlab.config import ModelConfig
from bnlab.models.construction import build
from bnlab.models.init import layers_of
from bnlab.norms import SCHEMES

SMALL = 10_000_000
"""Weights and outputs of layers up to which a model is tried out with values: before it computes with shapes alone, on
the meta device, PyTorch imports its compiler, for a second."""


@dataclass(frozen=True)
class Size:
    """The size of one replicate's model, without norms.

    Attributes:
        weights: number of weights in linear and convolutional layers, without biases.
        activations: number of output values of all layers for one image.
        largest: the largest number of output values of one layer for one image.
        multiplications: number of multiplications in one image's forward pass, in linear and convolutional layers.
    """

    weights: int
    activations: int
    largest: int
    multiplications: int

    def is_small(self, samples: int) -> bool:
        """Whether the forward pass of so many images is worth trying out with values."""
        return self.weights + samples * self.activations <= SMALL


def size_of(model: ModelConfig, image: Sequence[int], classes: int) -> Size:
    """The size of the model for images of this shape (channels, height, width)."""
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
    device = torch.device("cpu" if weights <= SMALL else "meta")
    with torch.no_grad():
        built.to_empty(device=device)(torch.zeros(1, *image, device=device))
    return Size(weights, activations, largest, multiplications)
