"""Root mean square normalization (Zhang & Sennrich 2019, arXiv 1910.07467): a sample over the root of its mean square.

Of each sample's K values (K = C for (N, C), C·L for (N, C, L), C·H·W for (N, C, H, W)), in training and at test time:

    y = γ x / √(1/K Σ x² + ε),  γ for each channel

No mean is subtracted and there is no β. ε is inside the root, as in PyTorch; the paper's program adds it outside.

Defaults elsewhere: PyTorch: eps the machine epsilon of the input's type. Keras 3: epsilon 1e-6. paper: ε = 1e-8
outside the root.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, data rescaled, one sample rescaled; changes with:
weight matrix recentred, one weight vector rescaled, data recentred.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import per_channel


class RMSNorm(nn.Module):
    """RMS normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.RMSNorm(C): weight (γ), of shape (C,).

    Args:
        channels: C.
        eps: ε, added to the mean square under the root; None is the machine epsilon of the input's type.
        affine: whether there is γ.
    """

    treats_alone = Each.SAMPLE

    def __init__(self, channels: int, *, eps: float | None, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        axes = tuple(range(1, x.ndim))
        y = x * (x.square().mean(axes, keepdim=True) + eps).rsqrt()
        return y if self.weight is None else y * per_channel(self.weight, x.ndim)


def native(channels: int, ndim: int, *, affine: bool, **settings: Any) -> nn.Module:
    """torch.nn's layer; the settings are those of `RMSNorm`.

    Raises:
        ValueError: the input has spatial axes.
    """
    if ndim > 2:
        raise ValueError(
            "native rms normalization takes (N, C) only: with spatial axes torch.nn.RMSNorm has a gamma for each"
            " position, not for each channel; use norm.impl=custom, or norm=layer."
        )
    return nn.RMSNorm(channels, elementwise_affine=affine, **settings)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return RMSNorm(channels, **settings)
