"""Matrix products by oneDNN, on processors on which they are faster than PyTorch's usual ones, which are MKL's.

MKL, made by Intel, uses vectors of 256 bits on AMD's processors. Those from Zen 5 on have units of 512 bits, which
oneDNN uses: a large product in float32 takes half the time there. It is the same sum, added up in another order, so its
last bits differ. Shapes: R replicates; a product is (m, k) times (k, n).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnlab.engine import pytorch_private

LEAST_FLOPS = 2e6
"""2 m k n of the smallest product that oneDNN computes; it takes some 10 µs to begin, and MKL 20 µs for this one."""

ZEN_5 = 26
"""The number by which AMD's processors tell their family."""


def fastest_products() -> AbstractContextManager[Any]:
    """Inside this context matrix products on the CPU are computed by what is faster on this processor."""
    return OneDNNProducts() if are_faster_by_onednn() else nullcontext()


@functools.cache
def are_faster_by_onednn(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this is an AMD of family `ZEN_5` or later, whose wide vectors this PyTorch can use.

    The answer is by name, not by measurement, so that all runs on one machine have the same bits.
    """
    try:
        text = cpuinfo.read_text(encoding="utf-8")
        pytorch_private.onednn_linear()
    except (OSError, pytorch_private.MissingError):
        return False
    family = re.search(r"^vendor_id\s*: AuthenticAMD\ncpu family\s*: (\d+)$", text, re.MULTILINE)
    is_wide = family is not None and int(family[1]) >= ZEN_5
    return is_wide and torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"


class OneDNNProducts(pytorch_private.Kernels):
    """Inside this context oneDNN computes the matrix products in float32 of at least `LEAST_FLOPS`."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func not in KERNELS or given.keys() - {"out"} or not _is_large(*args[-2:]):
            return func(*args, **given)
        return KERNELS[func](*args, **given)


def _is_large(a: Tensor, b: Tensor) -> bool:
    """Whether oneDNN computes the product of a (..., m, k) and b (..., k, n)."""
    flops = 2 * a.shape[-2] * a.shape[-1] * b.shape[-1]
    return flops >= LEAST_FLOPS and a.dtype == torch.float32 and a.device.type == "cpu"


def _mm(a: Tensor, b: Tensor) -> Tensor:
    return _linear(a, b, None)


def products_by_onednn(a: Tensor, b: Tensor) -> list[Tensor]:
    """The products a_r b_r, R of (m, n), of a (R, m, k) and b (R, k, n)."""
    return [_mm(x, y) for x, y in zip(a.unbind(), b.unbind(), strict=True)]


def _bmm(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    return torch.stack(products_by_onednn(a, b), out=out)


def _addmm(c: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return _linear(a, b, c) if c.ndim == 1 else _mm(a, b).add_(c)


def _baddbmm(c: Tensor, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    if c.shape[-2] != 1:
        return _bmm(a, b, out).add_(c)
    parts = zip(a.unbind(), b.unbind(), c.squeeze(-2).unbind(), strict=True)
    return torch.stack([_linear(*each) for each in parts], out=out)


KERNELS: dict[Any, Callable[..., Tensor]] = {
    torch.ops.aten.mm.default: _mm,
    torch.ops.aten.bmm.default: _bmm,
    torch.ops.aten.bmm.out: _bmm,
    torch.ops.aten.addmm.default: _addmm,
    torch.ops.aten.baddbmm.default: _baddbmm,
    torch.ops.aten.baddbmm.out: _baddbmm,
}
"""PyTorch's kernels of products, whose last two arguments are the factors, with the functions in their place."""


def _linear(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    """The sum a b + bias (n,). oneDNN is a hundred times slower on a b that is dense neither by rows nor by columns."""
    is_dense = b.is_contiguous() or b.mT.is_contiguous()
    y: Tensor = pytorch_private.onednn_linear()(a, (b if is_dense else b.contiguous()).mT, bias, "none", [], "")
    return y
