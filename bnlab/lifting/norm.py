"""The norms of all replicates as one call: replicates become more features, or more samples of the batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from bnlab.declarations import Each
from bnlab.lifting.lifted import (
    Lifted,
    fold_features,
    hold_to_declaration,
    over_channels,
    spread,
    tensor_of,
    tensors_of,
    unfold_features,
)


class FeatureFolded(Lifted):
    """A layer that treats each feature alone: R replicates of C features are one layer of R C features."""

    join = staticmethod(torch.cat)

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layer = copy.deepcopy(plain[0])
        hold_to_declaration(self.layer, Each.FEATURE, _is_of_features)
        self._per_feature = [name for name, value in tensors_of(self.layer) if value.ndim == 1]
        for name in self._per_feature:
            tensor_of(self.layer, name).data = self.join([tensor_of(m, name).detach() for m in plain])
        if isinstance(kind := self.layer, nn.InstanceNorm1d | nn.InstanceNorm2d):
            kind.num_features *= len(plain)  # PyTorch compares it with the input's features

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(fold_features(spread(x, self.takes)))
        return unfold_features(y, len(self.owners))

    @torch.no_grad()
    def lower(self) -> None:
        for name, value in tensors_of(self.layer):
            parts = value.flatten().chunk(len(self.plain)) if name in self._per_feature else [value] * len(self.plain)
            for module, part in zip(self.plain, parts, strict=True):
                tensor_of(module, name).copy_(part)


class NormalizesOver(Protocol):
    """The method of a layer that declares Each.FEATURE_OVER_AXES; see there."""

    def normalize_over(self, x: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor: ...


class FeatureOverAxes(FeatureFolded):
    """As FeatureFolded, by the layer's `normalize_over`, so that x is not copied to fold it and unfold it."""

    join = staticmethod(torch.stack)

    def forward(self, x: Tensor) -> Tensor:
        rows = spread(x, self.takes).movedim(2, -1)
        shape = (len(self.owners), *(1,) * (rows.ndim - 2), -1)
        layer = cast(NormalizesOver, self.layer)
        return layer.normalize_over(rows, tuple(range(1, rows.ndim - 1)), shape).movedim(-1, 2)


class BatchFolded(Lifted):
    """A layer that treats each sample alone: R batches of N samples are one batch of R N samples.

    The replicates' weights and biases differ, so they are applied to the result of a layer without them.
    """

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layer = copy.deepcopy(plain[0])
        hold_to_declaration(self.layer, Each.SAMPLE, lambda name, value: name in ("weight", "bias"))
        for name, _ in tensors_of(plain[0]):
            setattr(self.layer, name, None)
        self.weight = self._stacked("weight")
        self.bias = self._stacked("bias")

    def _stacked(self, name: str) -> nn.Parameter | None:
        if getattr(self.plain[0], name, None) is None:
            return None
        return nn.Parameter(torch.stack([tensor_of(m, name).detach() for m in self.plain]))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        if self.weight is None and self.bias is None:
            return y
        y = spread(y, self.takes)
        if self.weight is not None:
            y = y * self._over(self.weight, y.ndim)
        return y if self.bias is None else y + self._over(self.bias, y.ndim)

    def _over(self, values: Tensor, ndim: int) -> Tensor:
        """The replicates' values in a shape that broadcasts over (R, N, ...).

        Those of PyTorch's LayerNorm and RMSNorm are of the last axes, all others of the channels.
        """
        if isinstance(self.layer, nn.LayerNorm | nn.RMSNorm):
            return values.view(len(values), *(1,) * (ndim - values.ndim), *values.shape[1:])
        return over_channels(values, ndim)

    @torch.no_grad()
    def lower(self) -> None:
        for name, value in self.named_parameters():
            for row, module in enumerate(self.plain):
                tensor_of(module, name).copy_(value[row])


def _is_of_features(name: str, value: Tensor) -> bool:
    return value.ndim == 1 or (value.ndim == 0 and not isinstance(value, nn.Parameter))
