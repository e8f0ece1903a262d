"""Dropout (Srivastava et al. 2014) whose masks are a function of a seed and a count."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.seeds import noise


class Dropout(nn.Module):
    """Dropout: in training y = x m / (1 - p), each m being 0 with probability p, else 1; at test time y = x.

    The masks are drawn anew at each call. Its `state_dict`: seed, and count (of the calls), whole numbers.

    Args:
        p: 0 or above, below 1.
    """

    treats_alone = Each.CALL
    is_noise = True

    seed: Tensor
    count: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("seed", torch.tensor(0))
        self.register_buffer("count", torch.tensor(0))

    def draw(self, seed: int) -> None:
        """Sets the layer's seed."""
        self.seed.fill_(seed)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        self.count.add_(1)
        numbers = noise(self.seed, self.count, torch.arange(x.numel(), device=x.device))
        keeps = (numbers >= round(self.p * 2**32)).view(x.shape)
        return x * keeps.to(x.dtype).mul(1 / (1 - self.p))
