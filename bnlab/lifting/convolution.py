"""The convolutions of all replicates as one grouped convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.lifting.lifted import Weighted, fold_features, spread, unfold_features


class LiftedConvolution(Weighted):
    """R convolutions as one with R groups and weights (R out, in, k, k).

    If all replicates take the same batch, that is convolved without groups. The plain convolutions must have one group
    and zero padding.
    """

    unit_axis = 0

    def __init__(self, plain: Sequence[nn.Conv2d], owners: Sequence[int]) -> None:
        super().__init__(plain, owners, [m.weight.detach() for m in plain], torch.cat)
        self.stride, self.padding, self.dilation = plain[0].stride, plain[0].padding, plain[0].dilation

    def forward(self, x: Tensor) -> Tensor:
        replicates = len(self.owners)
        shared = len(x) == 1
        folded = x[0] if shared else fold_features(spread(x, self.takes))
        groups = 1 if shared else replicates
        y = F.conv2d(folded, self.weight, self.bias, self.stride, self.padding, self.dilation, groups)
        return unfold_features(y, replicates)

    @torch.no_grad()
    def lower(self) -> None:
        for row, module in enumerate(self.plain):
            assert isinstance(module, nn.Conv2d)
            out = module.out_channels
            module.weight.copy_(self.weight[row * out : (row + 1) * out])
            if module.bias is not None and self.bias is not None:
                module.bias.copy_(self.bias[row * out : (row + 1) * out])
