"""Group normalization (Wu & He 2018, arXiv 1803.08494): statistics of a sample over groups of channels.

The C channels are split into G groups of C/G neighbours. Of each sample's and group's K values (K = C/G for (N, C),
C/G·L for (N, C, L), C/G·H·W for (N, C, H, W)), in training and at test time:

    μ_G  = 1/K Σ x
    σ²_G = 1/K Σ (x − μ_G)²
    x̂    = (x − μ_G) / √(σ²_G + ε)
    y    = γ x̂ + β,  γ and β for each channel

G = 1 has the statistics of layer normalization, G = C those of instance normalization.

Defaults elsewhere: PyTorch: eps 1e-5; num_groups has to be given. Keras 3: epsilon 1e-3; 32 groups.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, weight matrix recentred, data rescaled, one sample
rescaled; changes with: one weight vector rescaled, data recentred.
"""

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import normalize_groups


class GroupNorm(nn.Module):
    """Group normalization over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict` is that of torch.nn.GroupNorm: weight (γ) and bias (β), of shape (C,).

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        affine: whether there are γ and β.
        num_groups: G; must divide C.

    Raises:
        ValueError: num_groups does not divide the channels.
    """

    treats_alone = Each.SAMPLE

    def __init__(self, channels: int, *, eps: float, affine: bool, num_groups: int) -> None:
        super().__init__()
        check_groups(channels, num_groups)
        self.eps = eps
        self.num_groups = num_groups
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        return normalize_groups(x, self.weight, self.bias, groups=self.num_groups, eps=self.eps)


def native(channels: int, ndim: int, *, eps: float, affine: bool, num_groups: int) -> nn.Module:
    """torch.nn's layer; the settings and errors are those of `GroupNorm`."""
    check_groups(channels, num_groups)
    return nn.GroupNorm(num_groups, channels, eps=eps, affine=affine)


def custom(channels: int, ndim: int, *, eps: float, affine: bool, num_groups: int) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return GroupNorm(channels, eps=eps, affine=affine, num_groups=num_groups)


def check_groups(channels: int, num_groups: int) -> None:
    if num_groups < 1 or channels % num_groups:
        divisors = ", ".join(str(d) for d in range(1, channels + 1) if channels % d == 0)
        raise ValueError(f"num_groups={num_groups} does not divide {channels} channels; allowed: {divisors}.")
