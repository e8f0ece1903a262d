"""Point-wise bounded functions instead of a norm (compared by Chen et al. 2025, arXiv 2512.10938).

Of each value x, in training and at test time, with u = α x + s:

    y = γ f(u) + β,  γ and β for each channel, one α and one s for the layer, learned from α₀ and s₀

    function   f(u)                 bound
    erf        2/√π ∫₀ᵘ exp(−t²) dt    1
    tanh       tanh u                  1
    arctan     arctan u                π/2
    isru       u / √(1 + u²)           1
    clip       u clipped to [−1, 1]    1
    dyisru     √C u / √(1 + u²)        √C

`erf` is Derf and, with s = 0, `tanh` is DyT, which are also schemes of their own. `dyisru` is √C x / √(b + x²) with
b = 1/α², the dynamic inverse square root unit (Stollenwerk 2025, arXiv 2503.21708): layer normalization of x computes
it where all other values of the sample are small. With α₀ = 1/√C it is y ≈ γ x + β near 0.

Defaults elsewhere: paper: α₀ = 0.5, s₀ = 0.

Invariances, up to ε: norm(W x) stays with: nothing; changes with: weight matrix rescaled, weight matrix recentred,
one weight vector rescaled, data rescaled, data recentred, one sample rescaled.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.grouped import per_channel


def _isru(u: Tensor) -> Tensor:
    """The inverse square root unit (Carlile et al. 2017, arXiv 1710.09967)."""
    return u * (1 + u.square()).rsqrt()


_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "erf": torch.erf,
    "tanh": torch.tanh,
    "arctan": torch.arctan,
    "isru": _isru,
    "clip": lambda u: u.clamp(-1, 1),
    "dyisru": _isru,
}


class BoundedFunction(nn.Module):
    """A bounded function over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: weight (γ) and bias (β), of shape (C,), alpha (α) and shift (s), scalars.

    Args:
        channels: C.
        function: the name of f in the table above.
        alpha: α₀, the initial α.
        shift: s₀, the initial s.
        affine: whether there are γ and β.
    """

    treats_alone = Each.CALL

    def __init__(self, channels: int, *, function: str, alpha: float, shift: float, affine: bool) -> None:
        super().__init__()
        self.function = function
        self.bound = math.sqrt(channels) if function == "dyisru" else 1.0
        self.alpha = nn.Parameter(torch.tensor(alpha))
        self.shift = nn.Parameter(torch.tensor(shift))
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Squash x of shape (N, C), (N, C, L) or (N, C, H, W); the result has the same shape."""
        y = self.bound * _FUNCTIONS[self.function](self.alpha * x + self.shift)
        if self.weight is None or self.bias is None:
            return y
        return torch.addcmul(per_channel(self.bias, x.ndim), y, per_channel(self.weight, x.ndim))


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return BoundedFunction(channels, **settings)
