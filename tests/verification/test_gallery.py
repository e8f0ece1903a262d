"""Layers as others write them: every verdict is the one given by hand, and the main deviation is named."""

from __future__ import annotations

import pytest

from bnlab.verification.checks import PASS
from bnlab.verification.verdict import verify_class
from tests.verification import gallery
from tests.verification.gallery import GALLERY, Judged

FEW = (
    gallery.BookLayerNorm,
    gallery.ScalarLayerNorm,
    gallery.ConvLayerNorm2d,
    gallery.SplitGBN,
    gallery.UninitialisedNorm,
    gallery.LayersInList,
    gallery.FilterResponseFromMinusOne,
    gallery.SwishGroupNorm,
)
"""What the usual run of the tests looks at; all of them are looked at with -m slow."""


def ids(judged: list[Judged]) -> list[str]:
    return [f"{each.cls.__name__}-{each.main or PASS}" for each in judged]


def check(judged: Judged) -> None:
    verdict = verify_class(judged.cls, judged.scheme, judged.kwargs)
    said = {*(diagnosis.mistake for diagnosis in verdict.diagnoses), *verdict.conventions}
    assert verdict.outcome == judged.outcome, said
    assert not judged.main or judged.main in said, said


SOME = [judged for judged in GALLERY if judged.cls in FEW]


@pytest.mark.parametrize("judged", SOME, ids=ids(SOME))
def test_a_verdict_is_the_one_given_by_hand(judged: Judged) -> None:
    check(judged)


OTHERS = [judged for judged in GALLERY if judged.cls not in FEW]


@pytest.mark.slow
@pytest.mark.parametrize("judged", OTHERS, ids=ids(OTHERS))
def test_every_verdict_is_the_one_given_by_hand(judged: Judged) -> None:
    check(judged)


def test_there_are_enough_of_them() -> None:
    assert len(GALLERY) >= 40
    assert sum(judged.outcome == PASS for judged in GALLERY) >= 10
