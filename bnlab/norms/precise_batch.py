"""Precise batch normalization (Wu & Johnson 2021, arXiv 2105.07576): true population statistics at test time.

In training it is batch normalization (batch.py). Before an evaluation k training batches pass through the network, each
normalized by its own statistics, and these are pooled. With n_b values of a channel in batch b:

    μ  = Σ_b n_b μ_b / Σ_b n_b
    σ² = Σ_b n_b (σ²_b + μ_b²) / Σ_b n_b − μ²         with σ²_b biased

They replace the running statistics, which still contain those of the weights of many steps ago. Before an evaluation,
call `begin_population`, pass the batches in training mode, and call `end_population`.

Defaults elsewhere: no other implementation.

Invariances, up to ε: norm(W x) stays with: weight matrix rescaled, one weight vector rescaled, data rescaled, data
recentred; changes with: weight matrix recentred, one sample rescaled.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.norms.batch import BatchNorm


class PreciseBatchNorm(BatchNorm):
    """Precise batch normalization over (N, C), (N, C, L) or (N, C, H, W); see the top of this file.

    Its `state_dict` is that of torch.nn.BatchNorm1d.

    Args:
        channels: C.
        eps: ε, added to the variance under the root.
        momentum: the weight of the new batch in the running statistics, which are used until the first evaluation.
        affine: whether there are γ and β.
        population_batches: k.

    Raises:
        ValueError: in training a channel has only one value.
    """

    treats_alone = Each.FEATURE

    def __init__(
        self, channels: int, *, eps: float, momentum: float | None, affine: bool, population_batches: int
    ) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=affine, track_running_stats=True)
        self.population_batches = population_batches
        self._pooled: _Pooled | None = None

    def begin_population(self) -> None:
        """Starts to pool batches that pass in training mode: the next `population_batches` ones."""
        self._pooled = _Pooled(torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var))

    def end_population(self) -> None:
        """Stores the pooled statistics as running_mean and running_var."""
        if self._pooled is not None and self._pooled.batches:
            self.running_mean.copy_(self._pooled.mean)
            self.running_var.copy_(self._pooled.var)
        self._pooled = None

    def _normalize(self, x: Tensor) -> Tensor:
        if self._pooled is not None and self.training and self._pooled.batches < self.population_batches:
            self._pooled.add(x.detach())
        return super()._normalize(x)


class _Pooled:
    """Mean and biased variance of all values so far, shape (C,).

    Summing σ²_b + μ_b² and subtracting μ² would lose all digits when μ is large compared with σ. Pooling one batch at a
    time (Chan, Golub & LeVeque 1983) gives the same number without that loss.
    """

    def __init__(self, mean: Tensor, var: Tensor) -> None:
        self.mean, self.var = mean, var
        self.batches = self.values = 0

    def add(self, x: Tensor) -> None:
        """Adds a batch of shape (..., C)."""
        rows = x.reshape(-1, x.shape[-1])
        self.batches += 1
        self.values += len(rows)
        share = len(rows) / self.values
        distance = rows.mean(0) - self.mean
        self.var = self.var * (1 - share) + rows.var(0, correction=0) * share + distance.square() * share * (1 - share)
        self.mean = self.mean + distance * share


def custom(channels: int, ndim: int, **settings: Any) -> nn.Module:
    """The layer of this file; one class serves every `ndim`."""
    return PreciseBatchNorm(channels, **settings)
