"""Every kind of hypothesis, by its two columns of numbers, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from bnlab.store import Measured, Scored
from bnlab.studies.hypotheses import (
    Better,
    Direction,
    Equal,
    Hypothesis,
    Interaction,
    Near,
    Reaches,
    Read,
    Trend,
    Values,
)
from bnlab.studies.metrics import METRICS, Area, AtStep, Column, Final, Gap, Lost, Probed, Reading, SecondsTo, StepsTo

ACCURACY = Column("test_accuracy")
TO_95 = StepsTo(ACCURACY, 95)
AT = {"lr": "1"}
GRID = {"lr": ("0.1", "1", "10")}


def values(read: dict[tuple[str, str], list[float]], *, higher: bool = True) -> Values:
    keyed: Read = {(arm, (("lr", at),) if at else ()): own for (arm, at), own in read.items()}
    return Values(keyed, GRID if any(at for _, at in read) else {}, higher)


def columns(of: Hypothesis, read: dict[tuple[str, str], list[float]]) -> tuple[object, ...]:
    claim = of.claim(values(read, higher=of.metric.unit.higher))
    return claim.values, claim.baseline, claim.margin, claim.within


def test_better_of_accuracy_and_of_steps() -> None:
    read = {("a", ""): [90.0, 91.0], ("b", ""): [80.0, 85.0]}
    more = Better(says="", metric=Final(ACCURACY), arm="a", than="b", margin=1)
    assert columns(more, read) == ((90, 91), (80, 85), 1, False)
    fewer = Better(says="", metric=TO_95, arm="a", than="b")
    assert columns(fewer, read) == ((-90, -91), (-80, -85), 0, False)


def test_equal_and_near() -> None:
    read = {("a", ""): [90.0, math.inf], ("b", ""): [80.0, 85.0]}
    assert columns(Equal(says="", metric=TO_95, arm="a", to="b", margin=5), read) == (
        (-90, -math.inf),
        (-80, -85),
        5,
        True,
    )
    near = Near(says="", metric=Final(ACCURACY), arm="b", value=84, tolerance=2)
    assert columns(near, read) == ((80, 85), (84, 84), 2, True)


def test_interaction_is_a_gap_less_another_and_none_where_both_failed() -> None:
    of = Interaction(says="", metric=Final(ACCURACY), arm="a", than="b", at={"lr": "10"}, against={"lr": "1"})
    read = {
        ("a", "10"): [90.0, -math.inf, 70.0],
        ("b", "10"): [80.0, -math.inf, -math.inf],
        ("a", "1"): [95.0, 95.0, 95.0],
        ("b", "1"): [94.0, 96.0, 95.0],
    }
    assert columns(of, read) == ((10, 0, math.inf), (1, -1, 0), 0, False)


def test_trend_is_kendalls_tau_of_each_seed() -> None:
    scipy = pytest.importorskip("scipy.stats")
    of = Trend(says="", metric=Final(ACCURACY), arm="a", along="lr", direction=Direction.FALLS)
    read = {("a", "0.1"): [9.0, 5.0], ("a", "1"): [8.0, 7.0], ("a", "10"): [-math.inf, 6.0]}
    taus, zeros, _, _ = columns(of, read)
    expected = [-scipy.kendalltau([1, 2, 3], seed).statistic for seed in ([9, 8, -99], [5, 7, 6])]
    assert taus == pytest.approx(expected)
    assert zeros == (0, 0)


def test_reaches_is_the_largest_value_at_which_a_seed_trains() -> None:
    of = Reaches(says="", metric=Final(ACCURACY), arm="a", than="b", along="lr", goal=80, factor=10, share=1)
    read = {
        ("a", "0.1"): [90.0, 90.0],
        ("a", "1"): [85.0, 20.0],
        ("a", "10"): [90.0, -math.inf],
        ("b", "0.1"): [80.0, 79.0],
        ("b", "1"): [-math.inf, 10.0],
        ("b", "10"): [10.0, 10.0],
    }
    assert columns(of, read) == (pytest.approx((1, -1)), (pytest.approx(-1), -math.inf), pytest.approx(1), False)
    assert of.largest_of_share(values(read), "a") == 0.1
    assert of.largest_of_share(values(read), "b") is None


def replicate(*, diverged: bool = False) -> Reading:
    scores = [Scored(0.5, 10, "test", 0.5, 0.8), Scored(1, 20, "test", 0.3, 0.96), Scored(1, 20, "train", 0.1, 0.99)]
    probes = [Measured(0, "shift", "a", "cosine", 0.5), Measured(0, "shift", "b", "cosine", 0.7)]
    final = {"test_accuracy": 0.96, "train_accuracy": 0.99, "test_loss": 0.3}
    shifted: dict[tuple[str, ...], dict[str, float]] = {("contrast=0.3",): {"test_accuracy": 0.9, "test_loss": 0.5}}
    return Reading(final, scores, {10: 1.5, 20: 3.0}, diverged, probes, shifted)


@pytest.mark.parametrize(
    ("metric", "value", "worst"),
    [
        (Final(ACCURACY), 96.0, -math.inf),
        (AtStep(ACCURACY, 10), 80.0, -math.inf),
        (AtStep(ACCURACY, 11), math.nan, -math.inf),
        (StepsTo(ACCURACY, 95), 20.0, math.inf),
        (StepsTo(ACCURACY, 97), math.inf, math.inf),
        (StepsTo(Column("test_loss"), 0.4), 20.0, math.inf),
        (SecondsTo(ACCURACY, 80), 1.5, math.inf),
        (Area(ACCURACY), 88.0, -math.inf),
        (Gap(Column("train_accuracy"), ACCURACY), 3.0, math.inf),
        (Lost(ACCURACY, ("contrast=0.3",)), 6.0, math.inf),
        (Lost(Column("test_loss"), ("contrast=0.3",)), 0.2, math.inf),
        (Probed("shift", "cosine", more_is_better=True), 0.6, -math.inf),
        (Probed("shift", "cosine", more_is_better=True, layer="b"), 0.7, -math.inf),
        (Probed("shift", "distance", more_is_better=False), math.nan, math.inf),
    ],
)
def test_metrics_of_a_replicate_and_the_worst_of_one_that_diverged(metric: object, value: float, worst: float) -> None:
    assert type(metric) in METRICS.values()
    assert metric.value_of(replicate()) == pytest.approx(value, nan_ok=True)  # type: ignore[attr-defined]
    assert metric.value_of(replicate(diverged=True)) == worst  # type: ignore[attr-defined]


def test_the_settings_at_which_it_is_are_all_that_it_reads() -> None:
    of = Better(says="", metric=Final(ACCURACY), arm="a", than="b", at=AT)
    assert list(of.places()) == [("a", AT), ("b", AT)]
