"""Noisy batch normalization (Santurkar et al. 2018, arXiv 1805.11604, appendix A): batch norm with a noisy output.

y is the output of batch normalization (batch.py). In training, each batch draws for each channel

    M ~ U(−c, c),  D ~ U(1, d)

and for each sample i and channel, the same at all spatial positions,

    m_i ~ U(M − r, M + r),  s_i ~ N(D, r²),  y_i ← s_i y_i + m_i

This makes an internal covariate shift on purpose. c is `centre`, d is `deviation` and r is `jitter`. At test time there
is no noise. The noise is a function of the replicate's seed and of the number of the batch.

Defaults elsewhere: paper: c = 0.5, d = 1.25, r = 0.1.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Calls, Each
from bnlab.norms.batch import BatchNorm
from bnlab.seeds import noise


class NoisyBatchNorm(nn.Sequential):
    """Noisy batch normalization over (N, C), (N, C, L) or (N, C, H, W), from the formula at the top of this file.

    Its `state_dict` is that of batch normalization after "norm.", and the noise's after "noise.".

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: the weight of the new batch; None averages all batches alike.
        affine: whether there are γ and β.
        centre: c, the largest mean of a channel's shift.
        deviation: d, the largest mean of a channel's scale.
        jitter: r, the spread of shift and scale between samples.

    Raises:
        ValueError: in training a channel has only one value.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(
        self,
        channels: int,
        *,
        eps: float,
        momentum: float | None,
        affine: bool,
        centre: float,
        deviation: float,
        jitter: float,
    ) -> None:
        norm = BatchNorm(channels, eps=eps, momentum=momentum, affine=affine, track_running_stats=True)
        super().__init__(OrderedDict(norm=norm, noise=ChannelNoise(channels, centre, deviation, jitter)))


class ChannelNoise(nn.Module):
    """Adds the noise to x (N, C), (N, C, L) or (N, C, H, W) in training.

    Its `state_dict`: a seed for each channel, shape (C,), and the count of batches, whole numbers.
    """

    treats_alone = Each.FEATURE
    is_noise = True

    seed: Tensor
    count: Tensor

    def __init__(self, channels: int, centre: float, deviation: float, jitter: float) -> None:
        super().__init__()
        self.centre, self.deviation, self.jitter = centre, deviation, jitter
        self.register_buffer("seed", torch.zeros(channels, dtype=torch.int64))
        self.register_buffer("count", torch.tensor(0))
        self.draw(0)

    def draw(self, seed: int) -> None:
        """Sets the layer's seed, from which each channel gets its own."""
        self.seed.copy_(noise(torch.tensor(seed), torch.tensor(0), torch.arange(len(self.seed))))

    def forward(self, x: Tensor) -> Tensor:
        """The noisy x; the result has the same shape."""
        if not self.training:
            return x
        self.count.add_(1)
        # For each channel 2 random numbers, and 3 for each sample.
        numbers = torch.arange(2 + 3 * len(x), device=x.device).unsqueeze(1)
        dtype = torch.promote_types(x.dtype, torch.float32)  # float16 holds no 32 bits
        uniform = (noise(self.seed, self.count, numbers).to(dtype) + 0.5) / 2**32
        centre = self.centre * (2 * uniform[0] - 1)
        deviation = 1 + (self.deviation - 1) * uniform[1]
        of_shift, radius, angle = uniform[2:].unflatten(0, (3, -1))
        normal = (-2 * radius.log()).sqrt() * (2 * math.pi * angle).cos()  # Box & Muller 1958
        shift = centre + self.jitter * (2 * of_shift - 1)
        scale = deviation + self.jitter * normal
        space = (..., *(None,) * (x.ndim - 2))
        return torch.addcmul(shift[space].to(x.dtype), x, scale[space].to(x.dtype))


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return NoisyBatchNorm(channels, **settings)
