"""No normalization: y = x. The control that every comparison needs."""

from torch import nn


def native(channels: int, ndim: int) -> nn.Module:
    """The identity, whatever the channels and dimensions."""
    return nn.Identity()


custom = native
