"""The line of the user's file that makes a mistake, and the same mended."""

from __future__ import annotations

import re

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from bnlab.verification.lines import LINES
from bnlab.verification.mistakes.mistakes import DEFECTS, MISTAKES
from bnlab.verification.show import print_tables
from bnlab.verification.verdict import verify_class
from tests.verification import gallery
from tests.verification.planted_more import BetaSubtracted, GemmaFromOne


class StdBatchNorm(nn.Module):
    """For (N, C), without running statistics."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))

    def forward(self, x: Tensor) -> Tensor:
        mean, std = x.mean(0), x.std(0, correction=0)
        return self.weight * (x - mean) / (std + self.eps) + self.bias


class LeftOverBatchNorm(StdBatchNorm):
    """The formula stands twice; the one that is found is never used."""

    def unused(self, x: Tensor, var: Tensor) -> Tensor:
        return x / (torch.sqrt(var) + self.eps)

    def forward(self, x: Tensor) -> Tensor:
        root = torch.sqrt(x.var(0, correction=0))
        return self.weight * (x - x.mean(0)) / (root + self.eps) + self.bias


MENDED: list[tuple[type[nn.Module], str, str, str]] = [
    (
        StdBatchNorm,
        "eps outside",
        "return self.weight * (x - mean) / (std + self.eps) + self.bias",
        "return self.weight * (x - mean) / (std ** 2 + self.eps).sqrt() + self.bias",
    ),
    (
        gallery.LectureBatchNorm1d,
        "unbiased variance normalizes",
        "xmean, xvar = x.mean(0, keepdim=True), x.var(0, keepdim=True)",
        "xmean, xvar = x.mean(0, keepdim=True), x.var(0, keepdim=True, unbiased=False)",
    ),
    (
        gallery.SumRMSNorm,
        "sum of squares divides",
        "return x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + self.eps)",
        "return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)",
    ),
    (
        gallery.LayersInList,
        "layers in a list",
        "self.parts = [nn.BatchNorm1d(n) for _ in range(parts)]",
        "self.parts = nn.ModuleList([nn.BatchNorm1d(n) for _ in range(parts)])",
    ),
    (
        GemmaFromOne,
        "one added to gamma",
        "return (1 + self.weight) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)",
        "return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)",
    ),
]


@pytest.mark.parametrize(("cls", "mistake", "line", "mended"), MENDED, ids=[mistake for _, mistake, *_ in MENDED])
def test_a_line_is_shown_and_mended(cls: type[nn.Module], mistake: str, line: str, mended: str) -> None:
    scheme = "batch" if cls is gallery.LayersInList else "auto" if cls is not GemmaFromOne else "rms"
    (found,) = (each for each in verify_class(cls, scheme).diagnoses if each.mistake == mistake)
    where = re.fullmatch(r"(gallery|planted_more|test_lines)\.py, line \d+: (.*)", found.line)
    assert where is not None
    assert (where[2], found.mended) == (line, f"mended: {mended}")


def test_a_mended_line_that_does_not_help_is_not_shown() -> None:
    (found,) = (each for each in verify_class(LeftOverBatchNorm, "batch").diagnoses if each.mistake == "eps outside")
    assert found.line.endswith("return x / (torch.sqrt(var) + self.eps)")
    assert found.mended == ""


def test_a_line_that_is_not_found_is_not_shown() -> None:
    (found,) = verify_class(BetaSubtracted, "batch").diagnoses
    assert (found.mistake, found.line, found.mended) == ("beta subtracted", "", "")


def test_every_line_is_of_a_known_mistake() -> None:
    assert set(LINES) <= {mistake.name for mistake in MISTAKES} | set(DEFECTS)


def test_the_formula_is_printed_beside_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verify_class(gallery.TimesRMSNorm)
    console = Console(highlight=False, markup=False, width=200)
    for explain in (False, True):
        print_tables([verdict], console, explain=explain)
        out = capsys.readouterr().out
        shown = re.search(r"y\[\d, \d\] is (\S+); by y = γ x / √\(.*\) it is (.+) = (\S+)", out)
        assert (shown is not None) == explain
    assert shown is not None
    numbers = shown[2].replace("·", "*").replace("√", "sqrt").replace("−", "-")
    gamma, x, mean_square, eps, beta = map(float, re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", numbers))
    assert gamma * x / (mean_square + eps) ** 0.5 + beta == pytest.approx(float(shown[3]), rel=1e-4)
    assert shown[1] != shown[3]
