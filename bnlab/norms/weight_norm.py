"""Weight normalization (Salimans & Kingma 2016, arXiv 1602.07868): learns a weight vector's length and direction apart.

For the weight vector w of each output unit (in a convolution: all values of its filter), g and v are learned instead:

    w = g v / ‖v‖,  g a scalar for each output unit

Nothing is computed from the activations, so it is the same in training and at test time and for every shape. It starts
with v = w and g = ‖w‖, so that the weights are at first those without it.

Defaults elsewhere: PyTorch: dim 0: a length for each output unit.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled; changes with: weight
matrix recentred, data rescaled, data recentred, one sample rescaled.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from bnlab.declarations import Each


class WeightNorm(nn.Module):
    """The parametrization w(g, v), written from the formula at the top of this file.

    The layer's `state_dict` is that of torch.nn.utils.parametrizations.weight_norm: parametrizations.weight.original0
    (g), of shape (out, 1, ...), and parametrizations.weight.original1 (v), of the weight's shape (out, in, ...).
    """

    treats_alone = Each.CALL

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """w, of the shape of v."""
        return v * (g / _lengths(v))

    def right_inverse(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """The initial g and v, from the initial w."""
        return _lengths(w), w


def native(layer: nn.Module) -> nn.Module:
    """PyTorch's parametrization of a linear or convolutional layer, which is changed in place."""
    changed: nn.Module = parametrizations.weight_norm(layer)
    return changed


def custom(layer: nn.Module) -> nn.Module:
    """The parametrization of this file, of a linear or convolutional layer, which is changed in place."""
    return parametrize.register_parametrization(layer, "weight", WeightNorm())


def _lengths(w: Tensor) -> Tensor:
    """‖w‖ of each output unit, shape (out, 1, ...)."""
    lengths: Tensor = torch.linalg.vector_norm(w, dim=tuple(range(1, w.ndim)), keepdim=True)
    return lengths
