"""A norm of one's own: each sample divided by the p-th root of its mean p-th power; p = 2 is RMS normalization."""

import torch
from torch import Tensor, nn


class MyNorm(nn.Module):
    """y = γ x / (mean(|x|^p) + ε)^(1/p) over (N, C) or (N, C, H, W): a mean for each sample, a γ for each channel."""

    def __init__(self, num_features: int, power: float = 2.0, eps: float = 1e-5) -> None:
        super().__init__()
        self.power, self.eps = power, eps
        self.gamma = nn.Parameter(torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.abs().pow(self.power).mean(tuple(range(1, x.ndim)), keepdim=True)
        y: Tensor = x * (mean + self.eps).pow(-1 / self.power) * self.gamma.view(-1, *(1,) * (x.ndim - 2))
        return y
