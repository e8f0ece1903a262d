"""What a seed decides: the initial weights, the order of the batches, and with data.split_seed what is held out.

Each has a generator of its own.
"""

from __future__ import annotations

import numpy as np
import torch


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
