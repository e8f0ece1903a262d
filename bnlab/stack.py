"""Replicates that train together: plain modules seen as one, with a leading replicate axis R."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Single(nn.Module):
    """A stack of one: the plain module, with a replicate axis of length 1 around it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(images[0])
        return logits.unsqueeze(0)


def lift(models: Sequence[nn.Module]) -> nn.Module:
    """One module for all replicates: images (R, N, ...) -> logits (R, N, classes)."""
    (model,) = models
    return Single(model)
