"""A small vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929), for the norms of sequences.

1x28x28 -> 16 patches of 7x7 -> Linear 64, + learned positions -> blocks -> mean over the tokens -> Linear 10. A block
has two residual branches: self-attention, and an MLP of two linear layers on each token. With `pre`, as in the paper,
each branch begins with a norm, and one more follows the last block; with `post` (Vaswani et al. 2017) a norm follows
each sum:

    pre:   x ← x + attention(norm(x)),  x ← x + mlp(norm(x))
    post:  x ← norm(x + attention(x)),  x ← norm(x + mlp(x))

The paper's extra class token and dropout are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.config import ViTConfig
from bnlab.declarations import Calls, Each
from bnlab.models.blocks import Blocks
from bnlab.models.residual import Residual
from bnlab.models.tokens import MeanOfTokens, Positions


class Patches(nn.Module):
    """Cuts images (N, channels, height, width) into tokens (N, T, channels size²), row by row."""

    treats_alone = Each.SAMPLE

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        cut = images.unflatten(-2, (-1, self.size)).unflatten(-1, (-1, self.size))  # (N, channels, rows, p, columns, p)
        tokens: Tensor = cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return tokens


class Attend(nn.Module):
    """Multi-head attention: queries, keys and values (N, T, 3 C) -> (N, T, C).

    Each head has d = C / heads features and computes softmax(q kᵀ / √d) v, the softmax over all tokens.
    """

    treats_alone = Each.SAMPLE

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = x.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()  # (N, heads, T, d)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class ViT(nn.Module):
    """Vision transformer.

    Shapes: images (N, *image) -> logits (N, classes).

    Args:
        image: shape of one image, (channels, height, width).
        config: sizes, and where the norms are.
        classes: number of logits.
        blocks: makes the layers.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(self, image: Sequence[int], config: ViTConfig, classes: int, blocks: Blocks) -> None:
        super().__init__()
        channels, height, width = image
        tokens, pixels = (height // config.patch) * (width // config.patch), channels * config.patch**2
        pre, post = config.norm_position == "pre", config.norm_position == "post"
        layers: list[nn.Module] = [
            Patches(config.patch),
            blocks.token_norm(pixels, config.norm_input),
            blocks.linear(pixels, config.width),
            Positions(tokens, config.width),
        ]
        for _ in range(config.depth):
            for branch in (self._attention(config, blocks), self._of_each_token(config, blocks)):
                layers.append(Residual(blocks.token_norm(config.width, pre), *branch))
                layers.append(blocks.token_norm(config.width, post))
        layers += [blocks.token_norm(config.width, pre), MeanOfTokens()]
        self.layers = nn.Sequential(*layers, *blocks.output(config.width, classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits

    @staticmethod
    def _attention(config: ViTConfig, blocks: Blocks) -> list[nn.Module]:
        width = config.width
        return [blocks.linear(width, 3 * width), Attend(config.heads), blocks.linear(width, width)]

    @staticmethod
    def _of_each_token(config: ViTConfig, blocks: Blocks) -> list[nn.Module]:
        wide = config.mlp_ratio * config.width
        return [blocks.linear(config.width, wide), blocks.activation_layer(), blocks.linear(wide, config.width)]
