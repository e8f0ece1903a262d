"""Scaled weight standardization (Brock, De & Smith 2021, arXiv 2101.08692): weights that keep the signal's size.

Of the K weights of each output unit (K = in for a linear layer, in·k for a convolution with k positions), which are
learned through the formula:

    μ  = 1/K Σ w
    σ² = 1/K Σ (w − μ)²
    ŵ  = g (w − μ) / √(max(K σ², ε))

g is the `gain` of the activation: √(2/(1 − 1/π)) = 1.7139... for ReLU, after which inputs of variance 1 have variance 1
again. Weight standardization has neither g nor the factor K; with them it is for networks without another norm.

Defaults elsewhere: paper: g = 1.7139588594436646 (ReLU), ε = 1e-4; a learned gain of each unit besides, no norm
after it.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled; changes with: weight
matrix recentred, data rescaled, data recentred, one sample rescaled.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from bnlab.declarations import Each


class ScaledWeightStandardization(nn.Module):
    """The parametrization ŵ(w), written from the formula at the top of this file.

    The layer's `state_dict` has w as parametrizations.weight.original, of the weight's shape (out, in, ...).

    Args:
        eps: ε, the lower bound of K σ².
        gain: g.
    """

    treats_alone = Each.CALL

    def __init__(self, eps: float, gain: float) -> None:
        super().__init__()
        self.eps = eps
        self.gain = gain

    def forward(self, w: Tensor) -> Tensor:
        """ŵ, of the shape of w."""
        axes = tuple(range(1, w.ndim))
        centred = w - w.mean(axes, keepdim=True)
        squares = centred.square().sum(axes, keepdim=True)  # K σ²
        return self.gain * centred * squares.clamp(min=self.eps).rsqrt()


def custom(layer: nn.Module, **settings: Any) -> nn.Module:
    """The parametrization of this file, of a linear or convolutional layer, which is changed in place."""
    return parametrize.register_parametrization(layer, "weight", ScaledWeightStandardization(**settings))
