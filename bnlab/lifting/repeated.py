"""The gradient of a weight that is multiplied many times in one pass, as a recurrent network's, by one product.

With y_t = x_t W at each of T calls and g_t = ∂loss/∂y_t, autograd adds up T products x_tᵀ g_t. Here the x_t and g_t are
put together to (T N, in) and (T N, out), and ∂loss/∂W = xᵀ g is one product, which takes less than half of the time.
Tensors may have one more axis in front, of replicates.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

MOST_ROWS = 1024
"""T N rows that are put together at most. More would not stay in the cache, and would take memory."""


class Products:
    """The products of one weight (in, out) in one forward pass."""

    def __init__(self, weight: Tensor) -> None:
        self._weight, self._gradient = weight.detach(), _Gradient()
        self._after_all: Tensor = _Whole.apply(weight, self._gradient)

    def of(self, x: Tensor) -> Tensor:
        """The product x W of x (N, in)."""
        y: Tensor = _Product.apply(x, self._weight, self._after_all, self._gradient)
        return y


class _Gradient:
    """Adds up xᵀ g of the calls that it is told of."""

    def __init__(self) -> None:
        self._calls: list[tuple[Tensor, Tensor]] = []
        self._sum: Tensor | None = None

    def add(self, x: Tensor, g: Tensor) -> None:
        self._calls.append((x, g))
        if len(self._calls) * x.shape[-2] >= MOST_ROWS:
            self._put_together()

    def whole(self) -> Tensor | None:
        """The gradient; None if there was no call."""
        if self._calls:
            self._put_together()
        return self._sum

    def _put_together(self) -> None:
        x, g = (each[0] if len(each) == 1 else torch.cat(each, -2) for each in zip(*self._calls, strict=True))
        product = _multiply(x.mT, g)
        self._sum = product if self._sum is None else self._sum + product
        self._calls.clear()


class _Whole(torch.autograd.Function):
    """An empty tensor that every product takes, so that autograd asks for the weight's gradient after all of theirs."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, gradient: _Gradient) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.gradient = gradient
        return weight.new_empty(0)

    @staticmethod
    def backward(ctx: Any, _: Tensor | None) -> tuple[Tensor | None, None]:
        return ctx.gradient.whole(), None


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, after_all: Tensor, gradient: _Gradient) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.gradient = gradient
        return _multiply(x, weight)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, None, None, None]:
        x, weight = ctx.saved_tensors
        ctx.gradient.add(x, g)
        return _multiply(g, weight.mT) if ctx.needs_input_grad[0] else None, None, None, None


def _multiply(a: Tensor, b: Tensor) -> Tensor:
    return torch.mm(a, b) if a.ndim == 2 else torch.bmm(a, b)
