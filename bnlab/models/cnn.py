"""A small convolutional network, for the norms that need space.

1x28x28 -> [3x3 convolution 16, 2x2 max pooling, norm, ReLU] -> [3x3 convolution 32, 2x2 max pooling, norm, ReLU] ->
Linear 10, with the norm before (`pre`) or after (`post`) the activation. Pooling comes first, so that norm and
activation have only a quarter of the values; an increasing function such as ReLU gives the same before pooling or
after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from bnlab.declarations import Calls, Each
from bnlab.models.blocks import Blocks


class MaxPool(nn.Module):
    """2x2 max pooling: (N, C, H, W) -> (N, C, H/2, W/2), as nn.MaxPool2d(2) and faster.

    PyTorch's kernel is vectorized along the channels: with these last in memory it takes a tenth of the time on a CPU.
    The result has the usual layout again, which a user's norm may rely on.
    """

    treats_alone = Each.FEATURE

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x.contiguous(memory_format=torch.channels_last), 2).contiguous()


class CNN(nn.Module):
    """Convolutional network.

    Shapes: images (N, *image) -> logits (N, classes).

    Args:
        image: shape of one image, (channels, height, width).
        widths: channels of each convolution.
        classes: number of logits.
        blocks: makes the layers.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(self, image: Sequence[int], widths: Sequence[int], classes: int, blocks: Blocks) -> None:
        super().__init__()
        channels, height, width = image
        layers: list[nn.Module] = [blocks.input(channels, 4)]
        for out in widths:
            convolution, *rest = blocks.hidden(partial(nn.Conv2d, channels, out, 3, padding=1), out, 4)
            layers += [convolution, MaxPool(), *rest]
            channels, height, width = out, height // 2, width // 2
        layers.append(nn.Flatten())
        self.layers = nn.Sequential(*layers, *blocks.output(channels * height * width, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits
