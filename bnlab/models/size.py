"""How large a model is: the one count of weights, for memory, threads and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from bnlab.config import ModelConfig
from bnlab.models.construction import build
from bnlab.norms import SCHEMES


@dataclass(frozen=True)
class Size:
    """Of one replicate without norms.

    Attributes:
        weights: of its linear and convolutional layers, biases left out.
        activations: values that its layers give for one image, those that only pass them on counted too.
        multiplications: of one image's forward pass.
    """

    weights: int
    activations: int
    multiplications: int


def size_of(model: ModelConfig, image: Sequence[int], classes: int) -> Size:
    """Size of the model on images of that shape (channels, height, width)."""
    built = build(model, SCHEMES["none"].configured("native"), image, classes, generator=None)
    x = torch.zeros(1, *image, device="meta")
    size = Size(0, 0, 0)
    for layer in built.layers:
        x = layer(x)
        weights = layer.weight.numel() if isinstance(layer, nn.Linear | nn.Conv2d) else 0
        positions = x[0, 0].numel()
        size = Size(size.weights + weights, size.activations + x.numel(), size.multiplications + weights * positions)
    return size
