"""The linear layers of all replicates as one batched product, without copying batches that replicates share.

Weights are kept as (..., in, out), since products are faster so than with PyTorch's (out, in).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.lifting.lifted import Takes, Weighted, spread
from bnlab.lifting.repeated import Products


@dataclass(frozen=True)
class Run:
    """A run of neighbouring replicates, start:stop, that take the consecutive batches first, first + 1, ..."""

    start: int
    stop: int
    first: int

    def batches(self, x: Tensor) -> Tensor:
        return x[self.first : self.first + self.stop - self.start]


def runs_of(takes: Takes) -> list[Run]:
    """Splits the replicates into the longest runs."""
    runs: list[Run] = []
    for replicate, batch in enumerate(takes):
        last = runs[-1] if runs else None
        if last is not None and batch == last.first + replicate - last.start:
            runs[-1] = Run(last.start, replicate + 1, last.first)
        else:
            runs.append(Run(replicate, replicate + 1, batch))
    return runs


class SharedProduct(torch.autograd.Function):
    """y = x W + b where replicates share batches: x (U, N, in), W (R, in, out), b (R, out) -> y (R, N, out).

    It works run by run, so that no batch is copied. With g = ∂loss/∂y the gradients are ∂loss/∂W = xᵀ g and
    ∂loss/∂b = the sum of g over the batch; there is none for x.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, runs: Sequence[Run]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.runs = runs
        y = x.new_empty(len(weight), x.shape[1], weight.shape[2])
        for run in runs:
            rows = slice(run.start, run.stop)
            if bias is None:
                torch.bmm(run.batches(x), weight[rows], out=y[rows])
            else:
                torch.baddbmm(bias[rows, None], run.batches(x), weight[rows], out=y[rows])
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        weight_grad = x.new_empty(len(g), x.shape[2], g.shape[2])
        for run in ctx.runs:
            out = weight_grad[run.start : run.stop]
            torch.bmm(run.batches(x).mT, g[run.start : run.stop], out=out)
        return None, weight_grad, g.sum(1) if ctx.needs_input_grad[2] else None, None


class LiftedLinear(Weighted):
    """y = x W + b as one batched product, with W (R, in, out); (R, out, in) would take more than twice the time."""

    unit_axis = 2
    products: Products | None = None

    def __init__(self, plain: Sequence[nn.Linear], owners: Sequence[int]) -> None:
        super().__init__(plain, owners, [m.weight.detach().T for m in plain], torch.stack)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim > 3:  # more axes than (R, N, in)
            folded: Tensor = self.forward(x.flatten(1, -2)).unflatten(1, x.shape[1:-1])
            return folded
        if 1 < len(x) < len(self.takes) and not x.requires_grad:
            y: Tensor = SharedProduct.apply(x, self.weight, self.bias, runs_of(self.takes))
            return y
        x = spread(x, self.takes)
        if self.products is not None:
            return self.products.of(x)
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias[:, None], x, self.weight)

    @torch.no_grad()
    def lower(self) -> None:
        for row, module in enumerate(self.plain):
            assert isinstance(module, nn.Linear)
            module.weight.copy_(self.weight[row].T)
            if module.bias is not None and self.bias is not None:
                module.bias.copy_(self.bias[row])


class SingleLinear(Weighted):
    """y = x W + b in a stack of one, without a replicate axis: x (N, in), W (in, out)."""

    unit_axis = 1
    products: Products | None = None

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__([plain], [0], [plain.weight.detach().T], itemgetter(0))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim > 2:
            folded: Tensor = self.forward(x.flatten(0, -2)).unflatten(0, x.shape[:-1])
            return folded
        if self.products is not None:
            return self.products.of(x)
        return torch.mm(x, self.weight) if self.bias is None else torch.addmm(self.bias, x, self.weight)

    @torch.no_grad()
    def lower(self) -> None:
        (plain,) = self.plain
        assert isinstance(plain, nn.Linear)
        plain.weight.copy_(self.weight.T)
        if self.bias is not None:
            plain.bias.copy_(self.bias)


@contextmanager
def weight_gradients_at_once(stack: nn.Module) -> Iterator[None]:
    """Lets each linear layer without a bias compute its weight's gradient once, for all its calls within the `with`."""
    linear = [module for module in stack.modules() if isinstance(module, LiftedLinear | SingleLinear)]
    layers = [layer for layer in linear if layer.bias is None]
    for layer in layers:
        layer.products = Products(layer.weight)
    try:
        yield
    finally:
        for layer in layers:
            layer.products = None
