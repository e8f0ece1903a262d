"""Dropout (Srivastava et al. 2014) whose masks are a function of a seed and a count.

So they are the same whoever else trains beside a replicate, whether a step is recorded, and after a training was
interrupted; a random number generator's state is none of these.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnlab.declarations import Each

_32_BITS = 2**32 - 1


class Dropout(nn.Module):
    """y = x m / (1 - p), with m = 0 for a share p of the values and 1 for the others, drawn anew at each call; else x.

    Its `state_dict`: seed and count, whole numbers.

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
        """Takes a seed of its own."""
        self.seed.fill_(seed)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        self.count.add_(1)
        key = _mixed(self.seed + _mixed(self.count))
        numbers = _mixed(torch.arange(x.numel(), device=x.device) * 0x9E3779B1 + key)
        keeps = (numbers >= round(self.p * 2**32)).view(x.shape)
        return x * keeps.to(x.dtype).mul(1 / (1 - self.p))


def _mixed(numbers: Tensor) -> Tensor:
    """32 bits of each int64 number, scrambled: MurmurHash3's last step (Appleby 2011)."""
    h = numbers & _32_BITS
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = ((h ^ torch.bitwise_right_shift(h, shift)) * factor) & _32_BITS
    return h ^ torch.bitwise_right_shift(h, 16)
