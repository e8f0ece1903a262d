"""Weight standardization (Qiao et al. 2019, arXiv 1903.10520): each output unit's weights with mean 0 and deviation 1.

Of the K weights of each output unit (K = in for a linear layer, in·k for a convolution with k positions), which are
learned through the formula:

    μ = 1/K Σ w
    σ = √(1/K Σ (w − μ)²)
    ŵ = (w − μ) / (σ + ε)

ε is outside the root. This is the paper's formula; its program divides by K − 1 instead of K in σ. The activations'
scale becomes about √K times that of the inputs, so it is meant for layers that a norm follows.

Defaults elsewhere: paper: ε = 1e-5 outside the root, group norm after it.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled; changes with: weight
matrix recentred, data rescaled, data recentred, one sample rescaled.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from bnlab.declarations import Each


class WeightStandardization(nn.Module):
    """The parametrization ŵ(w), written from the formula at the top of this file.

    The layer's `state_dict` has w as parametrizations.weight.original, of the weight's shape (out, in, ...).

    Args:
        eps: ε, added to the standard deviation.
    """

    treats_alone = Each.CALL

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, w: Tensor) -> Tensor:
        """ŵ, of the shape of w."""
        axes = tuple(range(1, w.ndim))
        centred = w - w.mean(axes, keepdim=True)
        # vector_norm, since its gradient is finite where all weights of a unit are equal; that of a root is not.
        std: Tensor = torch.linalg.vector_norm(centred, dim=axes, keepdim=True) / math.sqrt(w[0].numel())
        return centred / (std + self.eps)


def custom(layer: nn.Module, **settings: Any) -> nn.Module:
    """The parametrization of this file, of a linear or convolutional layer, which is changed in place."""
    return parametrize.register_parametrization(layer, "weight", WeightStandardization(**settings))
