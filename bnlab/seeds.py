"""What a seed decides: the initial weights and the order of the batches, each by a generator of its own."""

from __future__ import annotations

import torch


def weight_generator(seed: int) -> torch.Generator:
    """Draws the initial weights."""
    return _nth_generator(seed, 0)


def batch_generator(seed: int) -> torch.Generator:
    """Draws the order of the training images, epoch by epoch."""
    return _nth_generator(seed, 1)


def _nth_generator(seed: int, n: int) -> torch.Generator:
    """Neighbouring seeds and the two uses of one seed have unrelated streams."""
    root = torch.Generator().manual_seed(seed)
    stream_seeds = torch.randint(2**62, (2,), generator=root)
    return torch.Generator().manual_seed(int(stream_seeds[n]))
