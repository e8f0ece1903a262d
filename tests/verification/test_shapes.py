"""Shapes that a class does not take: its own word, or its own fault."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from bnlab.verification.checks import FAIL, NOT_APPLICABLE, Result
from bnlab.verification.checks.checks import run
from bnlab.verification.checks.subject import accepted
from bnlab.verification.conventions.own_class import of_class
from bnlab.verification.mistakes.diagnosis import diagnose


class Both(nn.Module):
    """Features and images by two layers, a usual program; `flat` is what the first is called by."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.inner = nn.BatchNorm2d(num_features, eps, momentum)

    def flat(self, x: Tensor) -> Tensor:
        y: Tensor = self.iner(x)  # type: ignore[operator]
        return y

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return self.flat(x)
        y: Tensor = self.inner(x if x.dim() == 4 else x.unsqueeze(-1))
        return y.reshape(x.shape)


class Undefined(Both):
    def flat(self, x: Tensor) -> Tensor:
        y: Tensor = x - mean  # type: ignore[name-defined]  # noqa: F821
        return y


class OfAnotherType(Both):
    def flat(self, x: Tensor) -> Tensor:
        return x.float() @ torch.eye(6, dtype=torch.float64)


class NoTensor(Both):
    def flat(self, x: Tensor) -> Tensor:
        values: Tensor = x.tolist()  # type: ignore[assignment]
        return values


BROKEN: dict[type[nn.Module], str] = {
    Both: "raises AttributeError: 'Both' object has no attribute 'iner'",
    Undefined: "raises NameError: name 'mean' is not defined",
    OfAnotherType: "raises RuntimeError: ",
    NoTensor: "raises TypeError: its output is of type list, not a tensor",
}


class Said(Both):
    def flat(self, x: Tensor) -> Tensor:
        raise ValueError("images only")


class Asserted(Both):
    def flat(self, x: Tensor) -> Tensor:
        assert x.dim() == 4
        return x


class Unpacked(Both):
    def flat(self, x: Tensor) -> Tensor:
        _, _, height, width = x.shape
        return x / (height * width)


class OverAxes(Both):
    def flat(self, x: Tensor) -> Tensor:
        return x - x.mean((0, 2, 3), keepdim=True)


class Indexed(Both):
    def flat(self, x: Tensor) -> Tensor:
        return x * x.shape[2]


REFUSING = (Said, Asserted, Unpacked, OverAxes, Indexed)


def of_features(cls: type[nn.Module]) -> tuple[Result, list[str]]:
    """The check of (N, C), and the diagnoses."""
    subject = of_class(cls, "batch")
    report = run(subject, accepted(subject))
    (result,) = (result for result in report.results if result.check == "shape (N, C)")
    return result, [diagnosis.text for diagnosis in diagnose(report)]


@pytest.mark.parametrize("cls", BROKEN)
def test_a_shape_on_which_a_class_fails_by_its_own_fault_is_a_failure(cls: type[Both]) -> None:
    result, said = of_features(cls)
    assert result.status == FAIL
    assert result.note.startswith(BROKEN[cls])
    assert re.search(r" \(line \d+ of test_shapes\.py\)$", result.note) or cls is NoTensor
    assert said == [f"in 'shape (N, C)' it {result.note}."]


@pytest.mark.parametrize("cls", REFUSING)
def test_a_shape_that_a_class_does_not_take_is_none(cls: type[nn.Module]) -> None:
    result, said = of_features(cls)
    assert (result.status, said) == (NOT_APPLICABLE, [])
