"""What a seed decides: the initial weights, the order of the batches, with data.split_seed what is held out, and noise.

Each has a generator of its own, but for noise in training: that is a function of a seed and a count, so that it is the
same whoever else trains beside a replicate, whether a step is recorded, and after a training was interrupted.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_32_BITS = 2**32 - 1


def weight_generator(seed: int) -> torch.Generator:
    """Draws the initial weights."""
    return _nth_generator(seed, 0)


def batch_generator(seed: int) -> torch.Generator:
    """Draws the order of the training images, epoch by epoch."""
    return _nth_generator(seed, 1)


def split_generator(split_seed: int, seed: int) -> torch.Generator:
    """Draws which images are held out, from both numbers."""
    (mixed,) = np.random.SeedSequence((split_seed, seed)).generate_state(1)  # 32 bits: PyTorch takes no more of a seed
    return torch.Generator().manual_seed(int(mixed))


def _nth_generator(seed: int, n: int) -> torch.Generator:
    """Neighbouring seeds and the two uses of one seed have unrelated streams."""
    root = torch.Generator().manual_seed(seed)
    stream_seeds = torch.randint(2**62, (2,), generator=root)
    return torch.Generator().manual_seed(int(stream_seeds[n]))


def noise(seed: Tensor, count: Tensor, number: Tensor) -> Tensor:
    """32 random bits, as int64, for each number of those that a seed gives at a count; the three broadcast."""
    return _mixed(number * 0x9E3779B1 + _mixed(seed + _mixed(count)))


def _mixed(numbers: Tensor) -> Tensor:
    """32 bits of each int64 number, scrambled: MurmurHash3's last step (Appleby 2011)."""
    h = numbers & _32_BITS
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = ((h ^ torch.bitwise_right_shift(h, shift)) * factor) & _32_BITS
    return h ^ torch.bitwise_right_shift(h, 16)
