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
        scale: the factor from the metric's own unit to this one, 100 for percent.
        digits: the number of digits after the decimal point.
        value: the name of the unit of a value.
        gap: the name of the unit of a difference.
        higher: whether higher values are better.
    """

    scale: float
    digits: int
    value: str
    gap: str
    higher: bool

    def number(self, value: float, sign: str = "") -> str:
        """A value or a difference, given in the metric's own unit, as text without a unit; "-" for NaN.

        Args:
            value: the number.
            sign: "+" to show the sign of positive numbers too.
        """
        return ABSENT if pd.isna(value) else f"{self.scale * value:{sign}z.{self.digits}f}"

    def gap_text(self, value: float) -> str:
        """A difference with its unit: "0.30 points"."""
        return f"{self.number(value)} {self.gap}"

    def interval(self, low: float, high: float) -> str:
        """An interval after a space: " [0.21, 0.39]"; empty for NaN."""
        return "" if math.isnan(low) else f" [{self.number(low)}, {self.number(high)}]"


PERCENT = Unit(100, 2, "%", "points", True)
NATS = Unit(1, 4, "nats", "nats", False)


def unit(metric: str) -> Unit:
    """The unit of a metric: percent for accuracies, nats for all others, which are losses."""
    return PERCENT if metric.endswith("accuracy") else NATS


def split_and_kind(metric: str) -> tuple[str, str]:
    """("test", "accuracy") of "test_accuracy"."""
    split, _, kind = metric.rpartition("_")
    return split, kind


def words(metric: str) -> str:
    """A metric for people, with its unit: "test accuracy (%)"."""
    split, kind = split_and_kind(metric)
    return f"{SPLITS.get(split, split)} {kind} ({unit(metric).value})"
