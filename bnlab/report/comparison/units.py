"""How numbers of a metric are written: accuracies in percent and points, losses in nats."""

import math
from dataclasses import dataclass

import pandas as pd

from bnlab.report.comparison.arms import ABSENT
from bnlab.store import SPLITS


@dataclass(frozen=True)
class Unit:
    """The unit of a metric.

    Attributes:
        scale: what a value is multiplied by.
        digits: after the point.
        value: the unit of a value.
        gap: the unit of a difference.
        higher: whether more is better.
    """

    scale: float
    digits: int
    value: str
    gap: str
    higher: bool

    def number(self, value: float, sign: str = "") -> str:
        """A value or a difference without its unit; "-" for no number."""
        return ABSENT if pd.isna(value) else f"{self.scale * value:{sign}z.{self.digits}f}"

    def gap_text(self, value: float) -> str:
        return f"{self.number(value)} {self.gap}"

    def interval(self, low: float, high: float) -> str:
        return "" if math.isnan(low) else f" [{self.number(low)}, {self.number(high)}]"


PERCENT = Unit(100, 2, "%", "points", True)
NATS = Unit(1, 4, "nats", "nats", False)


def unit(metric: str) -> Unit:
    """Accuracies are fractions of which more is better; all else is a loss."""
    return PERCENT if metric.endswith("accuracy") else NATS


def split_and_kind(metric: str) -> tuple[str, str]:
    """("test", "accuracy") of "test_accuracy"."""
    split, _, kind = metric.rpartition("_")
    return split, kind


def words(metric: str) -> str:
    """A metric for people, with its unit: "test accuracy (%)"."""
    split, kind = split_and_kind(metric)
    return f"{SPLITS.get(split, split)} {kind} ({unit(metric).value})"
