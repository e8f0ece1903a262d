"""Batches: each epoch has a random order of the samples, which is cut into pieces of `batch_size`."""

import torch
from torch import Tensor

from bnlab.errors import UserError


def order(num_samples: int, generator: torch.Generator) -> Tensor:
    """The order of the samples in the next epoch: a random permutation, int64 (num_samples,)."""
    return torch.randperm(num_samples, generator=generator)


def batches_per_epoch(num_samples: int, batch_size: int, drop_last: bool) -> int:
    """How many batches an epoch has. `drop_last` leaves out the last batch if it is not full."""
    full, rest = divmod(num_samples, batch_size)
    return full + (rest > 0 and not drop_last)


def last_batch_size(num_samples: int, batch_size: int, drop_last: bool) -> int:
    """How many samples the last batch of an epoch has, the smallest of its batches."""
    rest = num_samples % batch_size
    return batch_size if drop_last or rest == 0 else rest


def check_batches(num_samples: int, batch_size: int, drop_last: bool, smallest: int = 1, *, left_by: str) -> None:
    """Raises UserError for batches that cannot be trained on.

    Args:
        num_samples: number of training images.
        batch_size: as configured.
        drop_last: as configured.
        smallest: the smallest batch that the norm can take: 2 samples for batch statistics of (N, C), else 1.
        left_by: the settings that decide `num_samples`, with their values, for the message.

    Raises:
        UserError: the batch size is not in 1 ... num_samples, or an epoch has a batch of fewer than `smallest` samples.
    """
    left = f"{left_by} leave {num_samples} training image{'' if num_samples == 1 else 's'}"
    if num_samples < smallest:
        raise UserError(f"{left}, but this norm needs at least {smallest} in each batch; change them to leave more")
    if not 1 <= batch_size <= num_samples:
        raise UserError(
            f"{left}, so data.batch_size={batch_size} is out of range; "
            f"it has to be {smallest} to {num_samples}, or change the others to leave more"
        )
    if batch_size < smallest:
        raise UserError(f"data.batch_size={batch_size}: this norm needs at least {smallest} samples in each batch")
    last = last_batch_size(num_samples, batch_size, drop_last)
    if last < smallest:
        raise UserError(
            f"{left}, of which data.batch_size={batch_size} leaves {last} for the last batch, "
            f"but this norm needs at least {smallest}; set data.drop_last=true or change one of the others"
        )
