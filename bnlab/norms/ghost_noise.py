"""Ghost noise injection (Kosson et al. 2023, arXiv 2305.17205): a large batch with the noise of a small one.

First, x̂ is x normalized by batch normalization (batch.py) or layer normalization (layer.py). In training each sample i
then draws a ghost: V samples of the batch with replacement, V being `virtual_batch_size`. With the mean and the biased
variance of a channel of x̂, over the spatial axes too, in the batch (μ_B, σ²_B) and in the ghost (μ_i, σ²_i):

    x̂_i ← (x̂_i − (μ_i − μ_B)) / √((σ²_i + 1e-3) / (σ²_B + 1e-3))     no gradient through μ and σ²
    y    = γ x̂ + β

So each sample is normalized as if in a batch of V samples, but its gradient is that of the large batch. At test time
there is no noise. The noise is a function of the replicate's seed and of the number of the batch.

Defaults elsewhere: paper: ghosts of 16 to 64 on ImageNet.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Calls, Each
from bnlab.norms.batch import BatchNorm
from bnlab.norms.grouped import per_channel
from bnlab.norms.layer import LayerNorm
from bnlab.seeds import noise

NOISE_EPS = 1e-3
"""Added to the two variances, as in the paper's program."""


class GhostNoiseNorm(nn.Sequential):
    """A norm with ghost noise over (N, C), (N, C, L) or (N, C, H, W), written from the formula at the top of this file.

    Its `state_dict`: the norm's, without γ and β, after "norm.", and the noise's after "noise.".

    Args:
        channels: C.
        by: "batch" or "layer", the norm that comes first.
        eps: ε, added to the norm's variance under the root.
        momentum: by="batch": the weight of the new batch; None averages all batches alike.
        affine: whether there are γ and β.
        virtual_batch_size: V.

    Raises:
        ValueError: `by` is neither; by="batch" and in training a channel has only one value.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(
        self, channels: int, *, by: str, eps: float, momentum: float | None, affine: bool, virtual_batch_size: int
    ) -> None:
        norm: nn.Module
        if by == "batch":
            norm = BatchNorm(channels, eps=eps, momentum=momentum, affine=False, track_running_stats=True)
        elif by == "layer":
            norm = LayerNorm(channels, eps=eps, affine=False)
        else:
            raise ValueError(f"ghost noise got by='{by}'; allowed: batch, layer.")
        ghosts = GhostNoise(channels, affine=affine, virtual_batch_size=virtual_batch_size)
        super().__init__(OrderedDict(norm=norm, noise=ghosts))


class GhostNoise(nn.Module):
    """Adds the noise to x (N, C), (N, C, L) or (N, C, H, W) in training, then applies γ and β.

    Its `state_dict`: weight (γ) and bias (β), of shape (C,), and seed and count, whole numbers.
    """

    treats_alone = Each.CALL
    is_noise = True

    seed: Tensor
    count: Tensor

    def __init__(self, channels: int, *, affine: bool, virtual_batch_size: int) -> None:
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("seed", torch.tensor(0))
        self.register_buffer("count", torch.tensor(0))

    def draw(self, seed: int) -> None:
        """Sets the layer's seed."""
        self.seed.fill_(seed)

    def forward(self, x: Tensor) -> Tensor:
        """y, of the shape of x."""
        y = self._disturbed(x) if self.training else x
        if self.weight is None or self.bias is None:
            return y
        return torch.addcmul(per_channel(self.bias, x.ndim), y, per_channel(self.weight, x.ndim))

    def _disturbed(self, x: Tensor) -> Tensor:
        self.count.add_(1)
        with torch.no_grad():
            centred = x - x.mean((0, *range(2, x.ndim)), keepdim=True)
            first, second = (power.flatten(2).mean(2) if x.ndim > 2 else power for power in (centred, centred.square()))
            shares = self._shares(len(x), x)
            shift = shares @ first  # μ_i − μ_B
            var = (shares @ second - shift.square()).clamp(min=0)
            scale = ((second.mean(0) + NOISE_EPS) / (var + NOISE_EPS)).sqrt()
        space = (..., *(None,) * (x.ndim - 2))
        return (x - shift[space]) * scale[space]

    def _shares(self, n: int, like: Tensor) -> Tensor:
        """The share (n, n) that each sample j has in the ghost of each sample i."""
        numbers = torch.arange(n * self.virtual_batch_size, device=like.device)
        drawn = torch.bitwise_right_shift(noise(self.seed, self.count, numbers) * n, 32)
        parts = like.new_full((n, self.virtual_batch_size), 1 / self.virtual_batch_size)
        return like.new_zeros(n, n).scatter_add(1, drawn.view(n, -1), parts)


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return GhostNoiseNorm(channels, **settings)
