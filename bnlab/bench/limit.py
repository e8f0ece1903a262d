"""The least time that a training step can take on this machine: its matrix products, and Adam's memory traffic.

For R replicates, a batch of N and layers of widths w_0 .. w_L, a step has these batched products:

    forward          (R, N, in)  x (R, in, out)   every layer
    weight gradient  (R, in, N)  x (R, N, out)    every layer
    input gradient   (R, N, out) x (R, out, in)   every layer but the first, as the pixels need no gradient

of 2 R N in out floating-point operations each. Adam reads p, g, m and v (parameter, gradient and moments) and writes p,
m and v: 7 x 4 bytes a parameter. Both are measured: the products in the fastest layout, by torch.bmm or, on processors
where the engine uses it, oneDNN, on one thread, as if each further one made them as much faster; the traffic by copying
between buffers that together are as large as p, g, m and v. Norms, activations, loss and batches count as free.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bnlab.bench.timing import median_seconds
from bnlab.engine import are_faster_by_onednn, products_by_onednn
from bnlab.machine.threads import use_threads

ADAM_TRANSFERS = 7
"""Numbers read and written per parameter: reads p, g, m, v; writes p, m, v."""

FLOAT_BYTES = 4
CALLS, WARM_UP = 15, 3


@dataclass(frozen=True)
class Product:
    """A batched product (R, rows, inner) x (R, inner, columns)."""

    replicates: int
    rows: int
    inner: int
    columns: int

    @property
    def flops(self) -> int:
        return 2 * self.replicates * self.rows * self.inner * self.columns


@dataclass(frozen=True)
class Limit:
    """One measurement: the seconds of a step, for all replicates together."""

    products: float
    adam: float


def step_products(replicates: int, batch: int, widths: Sequence[int]) -> list[Product]:
    """The products of one training step; `widths` are those of all layers from the pixels to the classes."""
    products = []
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        products.append(Product(replicates, batch, fan_in, fan_out))
        products.append(Product(replicates, fan_in, batch, fan_out))
        if layer > 0:
            products.append(Product(replicates, batch, fan_out, fan_in))
    return products


def adam_bytes(parameters: int) -> int:
    """The bytes that one step of Adam moves to and from memory, in float32."""
    return ADAM_TRANSFERS * FLOAT_BYTES * parameters


def measure(products: Sequence[Product], parameters: int) -> Limit:
    """Times all products, and Adam's traffic for this number of parameters."""
    with use_threads(1):
        on_one_thread = sum(fastest(product) for product in products)
    return Limit(
        products=on_one_thread / torch.get_num_threads(),
        adam=adam_bytes(parameters) / _copy_bandwidth(4 * FLOAT_BYTES * parameters),
    )


def fastest(product: Product) -> float:
    """Seconds of the product in the fastest of the layouts that its operands can have in memory."""
    r, m, k, n = product.replicates, product.rows, product.inner, product.columns
    out = torch.empty(r, m, n)
    layouts = itertools.product(_layouts(r, m, k), _layouts(r, k, n))
    ways: list[Callable[[Tensor, Tensor], object]] = [partial(torch.bmm, out=out)]
    if are_faster_by_onednn():
        ways.append(products_by_onednn)
    return min(
        median_seconds(partial(way, *operands), CALLS, WARM_UP) for way, operands in itertools.product(ways, layouts)
    )


def _layouts(replicates: int, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Random matrices, one per replicate, in both memory layouts: row by row, and column by column."""
    return torch.rand(replicates, rows, columns), torch.rand(replicates, columns, rows).mT


def _copy_bandwidth(size: int) -> float:
    """Bytes read and written per second when half of `size` bytes is copied onto the other half."""
    source = torch.rand(size // FLOAT_BYTES // 2)
    target = torch.empty_like(source)
    moved = 2 * FLOAT_BYTES * source.numel()
    return moved / median_seconds(lambda: target.copy_(source), CALLS, WARM_UP)
