"""The article's network: fully connected layers, each followed by a norm and an activation.

784 -> [Linear 128, norm, ReLU] -> [Linear 64, norm, ReLU] -> Linear 10, with the norm before (`pre`) or after (`post`)
the activation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from bnlab.declarations import Calls
from bnlab.models.blocks import Blocks


class MLP(nn.Module):
    """Multi-layer perceptron on flattened images.

    Shapes: images (N, *image) -> logits (N, classes).

    Args:
        image: shape of one image.
        hidden: width of each hidden layer.
        blocks: what stands around the linear layers.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(self, image: Sequence[int], hidden: Sequence[int], classes: int, blocks: Blocks) -> None:
        super().__init__()
        width = math.prod(image)
        layers: list[nn.Module] = [nn.Flatten(), blocks.input(width, 2)]
        for units in hidden:
            layers += blocks.hidden(partial(nn.Linear, width, units), units, 2)
            width = units
        self.layers = nn.Sequential(*layers, *blocks.output(width, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits
