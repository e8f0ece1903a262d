"""The line of the user's file that makes a mistake, and the same mended."""

from __future__ import annotations

import re

import pytest
from rich.console import Console
from torch import nn

from bnlab.verification.lines import LINES
from bnlab.verification.mistakes.mistakes import DEFECTS, MISTAKES
from bnlab.verification.show import print_tables
from bnlab.verification.verdict import verify_class
from tests.verification import gallery
from tests.verification.planted_more import BetaSubtracted, GemmaFromOne

MENDED: list[tuple[type[nn.Module], str, str, str]] = [
    (
        gallery.AnnotatedLayerNorm,
        "eps outside",
        "return self.a_2 * (x - mean) / (std + self.eps) + self.b_2",
        "return self.a_2 * (x - mean) / (std ** 2 + self.eps).sqrt() + self.b_2",
    ),
    (
        gallery.BookLayerNormUnbiased,
        "unbiased variance normalizes",
        "var = x.var(dim=-1, keepdim=True)",
        "var = x.var(dim=-1, keepdim=True, unbiased=False)",
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
    where = re.fullmatch(r"(gallery|planted_more)\.py, line \d+: (.*)", found.line)
    assert where is not None
    assert (where[2], found.mended) == (line, f"mended: {mended}")


def test_a_mended_line_that_does_not_help_is_not_shown() -> None:
    """Its formula stands twice; one of the two is found."""
    (found,) = (
        each for each in verify_class(gallery.NumpyStyleBatchNorm).diagnoses if each.mistake == "stored variance biased"
    )
    assert "self.running_var = self.momentum * self.running_var" in found.line
    assert found.mended == ""


def test_a_line_that_is_not_found_is_not_shown() -> None:
    (found,) = verify_class(BetaSubtracted, "batch").diagnoses
    assert (found.mistake, found.line, found.mended) == ("beta subtracted", "", "")


def test_every_line_is_of_a_known_mistake() -> None:
    assert set(LINES) <= {mistake.name for mistake in MISTAKES} | set(DEFECTS)


def test_the_formula_is_printed_beside_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verify_class(gallery.PaperRMSNorm)
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
