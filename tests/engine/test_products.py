"""oneDNN's products are those of plain loops in float64 but for rounding, and a recorded step has them too."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnlab.config import ModelConfig
from bnlab.engine import products, pytorch_private, step
from bnlab.engine.products import OneDNNProducts, are_faster_by_onednn
from bnlab.engine.step import WORTH_RECORDING
from tests.engine.test_kernels import same_bits, stack_of, trained
from tests.lifting.test_lifting import IMAGES, mlp, rnn, vit

SIZES = (3, 7, 5, 4)
"""R, m, k, n."""

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Products of all sizes are oneDNN's; the shapes of x in its calls."""
    kernel, seen = pytorch_private.onednn_linear(), list[tuple[int, ...]]()

    def counted(x: Tensor, *others: Any) -> Tensor:
        seen.append(tuple(x.shape))
        return kernel(x, *others)

    monkeypatch.setattr(products, "LEAST_FLOPS", 0)
    monkeypatch.setattr(pytorch_private, "onednn_linear", lambda: counted)
    return seen


def laid_out(rows: int, columns: int) -> Iterator[Tensor]:
    """R random matrices: row by row, column by column, and as parts of larger ones."""
    r = SIZES[0]
    yield torch.randn(r, rows, columns)
    yield torch.randn(r, columns, rows).mT
    yield torch.randn(rows, r, 2 * columns)[..., ::2].transpose(0, 1)


def by_loops(a: Tensor, b: Tensor) -> NDArray[np.float64]:
    """The products a_r b_r in float64, term by term."""
    r, m, k, n = SIZES
    y = np.zeros((r, m, n))
    for each, row, column, term in itertools.product(range(r), range(m), range(n), range(k)):
        y[each, row, column] += a[each, row, term].item() * b[each, term, column].item()
    return y


def stacked(product: Callable[..., Tensor], *operands: Tensor) -> Tensor:
    return torch.stack([product(*each) for each in zip(*operands, strict=True)])


def into(product: Callable[..., Tensor], *operands: Tensor) -> Tensor:
    r, m, _, n = SIZES
    y = torch.empty(2 * r, m, n)[::2]
    assert product(*operands, out=y) is y
    return y


def test_products_are_those_of_plain_loops(calls: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    r, m, k, n = SIZES
    bias, matrix = torch.randn(r, n), torch.randn(r, m, n)
    for a, b in itertools.product(laid_out(m, k), laid_out(k, n)):
        expected = by_loops(a, b)
        with OneDNNProducts():
            found = [
                (stacked(torch.mm, a, b), 0),
                (torch.bmm(a, b), 0),
                (into(torch.bmm, a, b), 0),
                (stacked(torch.addmm, bias, a, b), bias[:, None]),
                (stacked(torch.addmm, matrix, a, b), matrix),
                (torch.baddbmm(bias[:, None], a, b), bias[:, None]),
                (torch.baddbmm(matrix, a, b), matrix),
                (into(torch.baddbmm, bias[:, None], a, b), bias[:, None]),
                (into(torch.baddbmm, matrix, a, b), matrix),
            ]
        for y, added in found:
            np.testing.assert_allclose(y, expected + np.asarray(added), rtol=0, atol=1e-5)
    assert calls == [(m, k)] * (9 * 9 * r)


def test_what_onednn_does_not_compute_stays_as_it_is(calls: list[tuple[int, ...]]) -> None:
    x = torch.randn(6, 6)
    with OneDNNProducts():
        assert torch.equal(x.double() @ x.double(), (x.double()[None] @ x.double()[None])[0])
        y = torch.addmm(x, x, x, alpha=2)
        torch.nn.functional.relu(x)
    np.testing.assert_allclose(y, x.double() + 2 * x.double() @ x.double(), atol=1e-5)
    assert calls == []


def test_small_products_stay_as_they_are() -> None:
    x = torch.randn(64, 64)
    with OneDNNProducts():
        y = x @ x
    assert torch.equal(y, x @ x)


@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("model", [mlp(), vit(), rnn()], ids=lambda model: model.name)
def test_a_recorded_step_has_the_bits_of_the_plain_one(
    model: ModelConfig, replicates: int, calls: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, stack = IMAGES[model.name], stack_of(model, "batch", "custom", replicates)
    usual, _ = trained(copy.deepcopy(stack), image, total_steps=0)
    monkeypatch.setattr(step, "fastest_products", OneDNNProducts)
    calls.clear()
    plain, _ = trained(copy.deepcopy(stack), image, total_steps=0)
    in_plain_steps = len(calls)
    recorded, _ = trained(stack, image, total_steps=WORTH_RECORDING)
    assert 0 < len(calls) - in_plain_steps < in_plain_steps  # a recording calls no Python
    assert same_bits(plain, recorded)
    torch.testing.assert_close(plain[0], usual[0], rtol=1e-4, atol=1e-4)  # then Adam steps on what is rounding


PROCESSORS = {
    "a Zen 5": ("AuthenticAMD", "26", "AVX512", True),
    "without AVX-512": ("AuthenticAMD", "26", "AVX2", False),
    "a Zen 4": ("AuthenticAMD", "25", "AVX512", False),
    "an Intel": ("GenuineIntel", "26", "AVX512", False),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_processors_on_which_onednn_is_faster(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor, family, capability, expected = PROCESSORS[name]
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 2\n")
    assert are_faster_by_onednn(tmp_path / "cpuinfo") is expected


def test_where_the_system_tells_nothing_products_are_the_usual_ones(tmp_path: Path) -> None:
    assert not are_faster_by_onednn(tmp_path / "none")


def test_without_pytorchs_name_products_are_the_usual_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    (tmp_path / "cpuinfo").write_text("vendor_id\t: AuthenticAMD\ncpu family\t: 26\n")

    def missing() -> None:
        raise pytorch_private.MissingError

    monkeypatch.setattr(pytorch_private, "onednn_linear", missing)
    assert not are_faster_by_onednn(tmp_path / "cpuinfo")
