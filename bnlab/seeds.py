"""What a seed decides: the initial weights, the order of the batches, noise, and with data.split_seed what is held out.

Each has its own random generator, except noise in training, which is a function of a seed and a count. So it does not
depend on which replicates train side by side, on whether steps are recorded, or on an interruption.
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
    """Draws which images are held out; depends on both numbers."""
    (mixed,) = np.random.SeedSequence((split_seed, seed)).generate_state(1)  # 32 bits: PyTorch takes no more of a seed
    return torch.Generator().manual_seed(int(mixed))


def _nth_generator(seed: int, n: int) -> torch.Generator:
    """Generator 0 or 1 of a seed. All of them are unrelated, those of neighbouring seeds too."""
    root = torch.Generator().manual_seed(seed)
    stream_seeds = torch.randint(2**62, (2,), generator=root)
    return torch.Generator().manual_seed(int(stream_seeds[n]))


def noise(seed: Tensor, count: Tensor, number: Tensor) -> Tensor:
    """Random numbers: 32 bits in an int64 for each `number`, a function of it, of a seed and of a count.

    Args:
        seed: of the layer.
        count: of the batch.
        number: of the value within the batch. All three are whole numbers that broadcast.
    """
    return _mixed(number * 0x9E3779B1 + _mixed(seed + _mixed(count)))


def _mixed(numbers: Tensor) -> Tensor:
    """Scrambles the low 32 bits of each number: MurmurHash3's finalizer (Appleby 2011)."""
    h = numbers & _32_BITS
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = ((h ^ torch.bitwise_right_shift(h, shift)) * factor) & _32_BITS
    return h ^ torch.bitwise_right_shift(h, 16)
