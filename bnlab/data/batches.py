"""Batches are index selections: one random order per epoch, cut into pieces of `batch_size`."""

import torch
from torch import Tensor

from bnlab.errors import UserError


def order(num_samples: int, generator: torch.Generator) -> Tensor:
    """The next epoch's order of the samples, int64 (num_samples,): a permutation by the generator alone."""
    return torch.randperm(num_samples, generator=generator)


def batches_per_epoch(num_samples: int, batch_size: int, drop_last: bool) -> int:
    """How many batches an epoch has; `drop_last` leaves out a last one that is not full."""
    full, rest = divmod(num_samples, batch_size)
    return full + (rest > 0 and not drop_last)


def last_batch_size(num_samples: int, batch_size: int, drop_last: bool) -> int:
    """How many samples the last batch of an epoch has, the smallest of its batches."""
    rest = num_samples % batch_size
    return batch_size if drop_last or rest == 0 else rest


def check_batches(num_samples: int, batch_size: int, drop_last: bool, smallest: int = 1, *, left_by: str) -> None:
    """Refuse batches that can't be trained on.

    Args:
        num_samples: training images after the split.
        batch_size: as configured.
        drop_last: as configured.
        smallest: samples that the norm needs in a batch: 2 for batch statistics of (N, C), else 1.
        left_by: the settings that decide `num_samples`, with their values: any of them may be the one to change.

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
