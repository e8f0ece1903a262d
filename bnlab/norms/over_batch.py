"""The base class of variants of batch norm that are written in plain operations, without a gradient of their own."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn


class OverBatch(nn.Module):
    """y = γ x̂ + β over (N, C), (N, C, L) or (N, C, H, W), where a subclass computes x̂.

    Args:
        channels: C.
        affine: whether there are γ and β.
        running: the running statistics, buffers of shape (C,): their names and initial values.

    Raises:
        ValueError: in training a channel has only one value.
    """

    def __init__(self, channels: int, *, affine: bool, **running: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        for name, start in running.items():
            self.register_buffer(name, torch.full((channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        rows = x.movedim(1, -1)  # the channel last, where a vector of C values broadcasts
        x_hat = self._by_batch(rows) if self.training else self.by_running(rows)
        y = x_hat if self.weight is None or self.bias is None else torch.addcmul(self.bias, x_hat, self.weight)
        return y.movedim(-1, 1)

    def _by_batch(self, x: Tensor) -> Tensor:
        if x.numel() <= x.shape[-1]:
            size = x.movedim(-1, 1).shape
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
        return self.by_batch(x, tuple(range(x.ndim - 1)))

    @abstractmethod
    def by_batch(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        """x̂ of x (..., C) in training, by its statistics over `axes`; updates the running statistics."""

    @abstractmethod
    def by_running(self, x: Tensor) -> Tensor:
        """x̂ of x (..., C) at test time, by the running statistics."""
