"""The arithmetic of the limit, by hand, and that what is measured is what the formula says."""

import pytest
import torch

from bnlab.bench import limit
from bnlab.bench.article import Net


def test_products_of_a_step_by_hand() -> None:
    # 3 replicates, batch 5, 7 -> 4 -> 2: forward, weight gradient, and the input gradient of the second layer only.
    assert limit.step_products(3, 5, [7, 4, 2]) == [
        limit.Product(3, 5, 7, 4),
        limit.Product(3, 7, 5, 4),
        limit.Product(3, 5, 4, 2),
        limit.Product(3, 4, 5, 2),
        limit.Product(3, 5, 2, 4),
    ]


def test_floating_point_operations_of_the_articles_step() -> None:
    # One multiplication and one addition per weight and sample, in 2 products of the first layer and 3 of the others.
    weights = [784 * 128, 128 * 64, 64 * 10]
    by_hand = 2 * 32 * (2 * weights[0] + 3 * weights[1] + 3 * weights[2])
    products = limit.step_products(1, 32, [784, 128, 64, 10])
    assert sum(product.flops for product in products) == by_hand == 14_540_800
    assert sum(product.flops for product in limit.step_products(16, 32, [784, 128, 64, 10])) == 16 * by_hand


def test_the_flops_agree_with_pytorchs_own_counter() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        Net()(torch.rand(32, 784)).sum().backward()
    assert counter.get_total_flops() == sum(p.flops for p in limit.step_products(1, 32, [784, 128, 64, 10]))


def test_adams_bytes_by_hand() -> None:
    # p, g, m, v are read, p, m, v written, 4 bytes each.
    assert limit.adam_bytes(1000) == 28_000
    assert sum(p.numel() for p in Net().parameters()) == 784 * 128 + 128 * 64 + 64 * 10 + 202 + 2 * (128 + 64)


def test_measured_products_add_up_and_the_traffic_is_at_the_copys_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[int] = []
    operands: list[tuple[torch.Size, torch.Size, torch.Size]] = []
    contiguous: set[tuple[bool, bool]] = set()

    def bmm(a: torch.Tensor, b: torch.Tensor, *, out: torch.Tensor) -> None:
        operands.append((a.shape, b.shape, out.shape))
        contiguous.add((a.is_contiguous(), b.is_contiguous()))

    def two_seconds(call: object, calls: int, warm_up: int) -> float:
        assert callable(call)
        result = call()
        if isinstance(result, torch.Tensor):  # a copy returns its target
            copied.append(result.numel())
        return 2.0

    monkeypatch.setattr(torch, "bmm", bmm)
    monkeypatch.setattr(limit, "median_seconds", two_seconds)
    measured = limit.measure([limit.Product(2, 3, 4, 5), limit.Product(2, 5, 3, 4)], parameters=1000)
    assert measured.products == 4.0
    # 8,000 bytes were read and 8,000 written in 2 s; 28,000 bytes then take 3.5 s.
    assert copied == [2000]
    assert measured.adam == pytest.approx(3.5)
    assert operands == [((2, 3, 4), (2, 4, 5), (2, 3, 5))] * 4 + [((2, 5, 3), (2, 3, 4), (2, 5, 4))] * 4
    assert len(contiguous) == 4
