"""The article's network: fully connected layers, each followed by a norm and an activation.

784 -> [Linear 128, norm, ReLU] -> [Linear 64, norm, ReLU] -> Linear 10, with the norm before (`pre`) or after (`post`)
the activation. With `residual` a hidden layer with as many outputs as inputs computes x + layer(x), norm and activation
included (He et al. 2015); with `dropout` each hidden layer ends with dropout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from bnlab.config import MLPConfig
from bnlab.declarations import Calls
from bnlab.models.blocks import Blocks
from bnlab.models.dropout import Dropout
from bnlab.models.residual import Residual


class MLP(nn.Module):
    """Multi-layer perceptron on flattened images.

    Shapes: images (N, *image) -> logits (N, classes).

    Args:
        image: shape of one image.
        config: widths, residual connections and dropout.
        classes: number of logits.
        blocks: makes the layers.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(self, image: Sequence[int], config: MLPConfig, classes: int, blocks: Blocks) -> None:
        super().__init__()
        width = math.prod(image)
        layers: list[nn.Module] = [nn.Flatten(), blocks.input(width, 2)]
        for number, units in enumerate(config.widths()):
            layer = blocks.at(number).hidden(partial(nn.Linear, width, units), units, 2)
            if config.dropout > 0:
                layer.append(Dropout(config.dropout))
            layers += [Residual(*layer)] if config.residual and width == units else layer
            width = units
        self.layers = nn.Sequential(*layers, *blocks.output(width, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits
