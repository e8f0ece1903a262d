"""Planted mistakes get their diagnosis, first and alone; correct layers of every style get none."""

import math
import random
import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.verification.checks.checks import run
from bnlab.verification.checks.result import COARSE, FAIL, Diagnosis
from bnlab.verification.checks.subject import accepted
from bnlab.verification.conventions import Declared
from bnlab.verification.conventions.own_class import of_class
from bnlab.verification.mistakes.diagnosis import diagnose
from bnlab.verification.mistakes.mistakes import DEFECTS, FACTS, MISTAKES, known
from bnlab.verification.reference.layers import ReferenceLayer
from bnlab.verification.reference.reference import REFERENCES
from bnlab.verification.verdict import verify_class
from tests.verification import textbook
from tests.verification.gallery import RandomStartInstanceNorm
from tests.verification.planted import PLANTED, ByHand, EpsFixed
from tests.verification.planted_facts import FACTS_OF, ConstantsHidden
from tests.verification.planted_formulas import FORMULAS, RIGHT
from tests.verification.planted_more import FRN, NoEvaluation, Renorm, ShortcutOfImages, Uninitialised


class Doubled(nn.Module):
    """No norm at all."""

    def __init__(self, num_features: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


CORRECT: list[tuple[type[nn.Module], str]] = [
    (textbook.BatchNorm, "batch"),
    (textbook.Float32Statistics, "batch"),
    (textbook.Float32Only, "batch"),
    (textbook.Hardcoded, "batch"),
    (textbook.Wrapped, "batch"),
    (ByHand, "batch"),
    (nn.BatchNorm1d, "batch"),
    (nn.BatchNorm2d, "batch"),
    (nn.SyncBatchNorm, "batch"),
    (textbook.LayerNorm, "layer"),
    (nn.LayerNorm, "layer"),
    (textbook.RMSNorm, "rms"),
    (nn.RMSNorm, "rms"),
    (textbook.GroupNorm, "group"),
    (textbook.GroupNormOfThree, "group"),
    (nn.GroupNorm, "group"),
    (nn.InstanceNorm1d, "instance"),
    (nn.Identity, "none"),
    (FRN, "frn"),
    (Renorm, "batch_renorm"),
    *RIGHT,
]


def diagnosed(cls: type[nn.Module], scheme: str, declared: Declared | None = None) -> tuple[Diagnosis, ...]:
    subject = of_class(cls, scheme, declared=declared)
    return diagnose(run(subject, accepted(subject)))


@pytest.mark.parametrize(
    ("cls", "scheme", "expected"),
    [*PLANTED, *FORMULAS, *FACTS_OF],
    ids=[f"{cls.__name__}-{names[0]}" for cls, _, names in [*PLANTED, *FORMULAS, *FACTS_OF]],
)
def test_planted_mistake(cls: type[nn.Module], scheme: str, expected: tuple[str, ...]) -> None:
    assert tuple(diagnosis.mistake for diagnosis in diagnosed(cls, scheme)) == expected


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_what_was_in_memory_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, empty = random.Random(seed), torch.empty

    def left_over(size: int) -> Tensor:
        found = empty(size)
        if found.isnan().all():
            return found  # filled by PyTorch
        return torch.tensor([draw.choice([0.0, 1.0, math.nan, math.inf]) for _ in range(size)])

    monkeypatch.setattr(torch, "empty", left_over)
    found = [diagnosis.mistake for diagnosis in diagnosed(Uninitialised, "batch")]
    assert found == ["weight is uninitialised", "bias is uninitialised"]


@pytest.mark.parametrize(("cls", "scheme"), CORRECT, ids=[cls.__name__ for cls, _ in CORRECT])
def test_no_false_alarm(cls: type[nn.Module], scheme: str) -> None:
    subject = of_class(cls, scheme)
    report = run(subject, accepted(subject))
    assert [result for result in report.results if result.status == FAIL] == []
    assert diagnose(report) == ()


@pytest.mark.parametrize("cls", [textbook.Float32Only, textbook.Float32Statistics])
def test_a_layer_of_float32_is_held_to_that(cls: type[nn.Module]) -> None:
    subject = of_class(cls, "batch")
    assert run(subject, accepted(subject)).exact == COARSE
    assert subject.remarks == (("takes float32 only",) if cls is textbook.Float32Only else ())


class HeldInDict(nn.Module):
    """Statistics in a dict, which PyTorch does not look into, of an operation that takes one type alone."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.kept = {"mean": torch.zeros(num_features), "var": torch.ones(num_features)}

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.kept["mean"], self.kept["var"], training=self.training)


def test_tensors_in_a_dict_are_of_the_layers_type() -> None:
    subject = of_class(HeldInDict, "batch")
    assert "takes float32 only" not in subject.remarks
    assert "no statistics" in [diagnosis.mistake for diagnosis in diagnose(run(subject, accepted(subject)))]


def test_what_starts_at_random_is_no_random_output() -> None:
    assert "random output" not in [each.mistake for each in diagnosed(RandomStartInstanceNorm, "instance")]


def test_what_mistakes_give_is_measured_once_for_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    first = diagnosed(EpsFixed, "batch")
    monkeypatch.delattr(ReferenceLayer, "forward")
    assert diagnosed(EpsFixed, "batch") == first


def test_every_known_mistake_is_planted() -> None:
    planted = {name for _, _, names in [*PLANTED, *FORMULAS, *FACTS_OF] for name in names} - {"unknown", "raises"}
    in_one_mode = {name for name in planted if re.search(" in (evaluation|training)$", name)}
    planted -= in_one_mode - {mistake.name for mistake in MISTAKES}
    planted |= {diagnosis.mistake for diagnosis in diagnosed(textbook.Plain, "batch", Declared(affine=True))}
    # A convention is found first, "eps as a floor", and it is held to that.
    planted |= {diagnosis.mistake for diagnosis in verify_class(ConstantsHidden, "instance").diagnoses} - {"unknown"}
    assert planted == {mistake.name for mistake in MISTAKES} | {
        "eps fixed",
        "momentum fixed",
        "eps and a constant",
        "statistics over other axes",
        "variance over other axes",
        "mean over other axes",
        "another moving average",
        "fixed numbers",
    } | set(DEFECTS) | set(FACTS)


def test_every_sentence_says_what_is_right_and_where() -> None:
    for text in [*(mistake.text for mistake in MISTAKES), *DEFECTS.values(), *FACTS.values()]:
        assert re.search(r"PyTorch|Keras|Zhang & Sennrich|torch\.nn|Wu & He|this scheme", text), text
        assert ": " in text, text
        assert text.endswith("."), text


def test_the_sentences_for_a_fixed_value_name_both() -> None:
    (diagnosis,) = diagnosed(EpsFixed, "batch")
    assert diagnosis.text == "eps is 1e-05 inside, while 0.001 was passed: PyTorch and Keras use what is passed."


def test_what_no_mistake_explains_is_said_to_be_so() -> None:
    fact, diagnosis = diagnosed(Doubled, "none")
    assert (fact.mistake, diagnosis.mistake) == ("another size", "unknown")
    assert re.fullmatch(
        r"beyond that, the numbers are first wrong in 'forward, training': y\[\d, \d\] is \S+,"
        r" the reference gives \S+\.",
        diagnosis.text,
    )


def test_a_mistake_in_one_shape_is_said_to_be_in_that() -> None:
    (diagnosis,) = diagnosed(ShortcutOfImages, "batch")
    assert diagnosis.text.startswith("for (N, C, H, W) only: the variance is computed as E[x²] − μ²")


def test_what_is_raised_is_said() -> None:
    (diagnosis,) = diagnosed(NoEvaluation, "batch")
    said = r"in 'forward, evaluation' it raises RuntimeError: not yet written \(line \d+ of planted_more.py\)\."
    assert re.fullmatch(said, diagnosis.text)


@pytest.mark.parametrize("scheme", REFERENCES)
def test_no_two_mistakes_of_a_scheme_are_one(scheme: str) -> None:
    changes = [tuple(sorted(mistake.change.items())) for mistake in known(scheme, REFERENCES[scheme])]
    assert len(changes) == len(set(changes))
