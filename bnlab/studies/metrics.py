"""The metrics of studies: each gives one number for a replicate, the worst possible one if the replicate diverged.

In a study's file a metric is written as `{kind: steps_to, of: test_accuracy, goal: 95}`, or as the name of a column
alone, which means its value at the end of training. Accuracies are in percent, their differences in percentage points,
losses in nats.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import ClassVar

from bnlab.errors import UserError, unknown
from bnlab.store import SPLITS, Measured, Scored

KINDS = ("accuracy", "loss")
COLUMNS = [f"{split}_{kind}" for split in SPLITS for kind in KINDS]


@dataclass(frozen=True)
class Unit:
    """How a metric's numbers are written.

    Attributes:
        value: the unit of a value.
        gap: the unit of a difference.
        digits: number of decimal places.
        higher: whether higher is better.
    """

    value: str
    gap: str
    digits: int
    higher: bool

    def text(self, value: float, sign: str = "") -> str:
        """A value with its unit; `sign` "+" writes the sign of positive values too."""
        return "never" if math.isinf(value) else f"{value:{sign}.{self.digits}f} {self.value}".strip()

    def number(self, value: float, sign: str = "") -> str:
        """A value without its unit."""
        return f"{value:{sign}.{self.digits}f}"


PERCENT, NATS = Unit("%", "points", 2, True), Unit("nats", "nats", 4, False)
STEPS, SECONDS = Unit("steps", "steps", 0, False), Unit("s", "seconds", 2, False)


@dataclass(frozen=True)
class Reading:
    """The stored results of a replicate.

    Attributes:
        final: its final scores by column.
        scores: all rows of metrics.csv.
        seconds: for each evaluated step, the seconds of training until then.
        diverged: whether its loss was not finite at some step.
        probes: all rows of probes.csv.
        shifted: for changes of the test images, e.g. ("contrast=0.3",), its final scores there by column.
    """

    final: Mapping[str, float]
    scores: Sequence[Scored]
    seconds: Mapping[int, float]
    diverged: bool
    probes: Sequence[Measured] = ()
    shifted: Mapping[tuple[str, ...], Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A column of results, such as test_accuracy. Raises UserError if there is no such column."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in COLUMNS:
            raise unknown("column", self.name, COLUMNS)

    @property
    def unit(self) -> Unit:
        return PERCENT if self.name.endswith("accuracy") else NATS

    @property
    def worst(self) -> float:
        return -math.inf if self.unit.higher else math.inf

    def scaled(self, value: float) -> float:
        """The value in the unit in which it is shown: accuracies in percent."""
        return 100 * value if self.unit is PERCENT else value

    def curve(self, replicate: Reading) -> list[tuple[int, float]]:
        """Steps and values of the column at each evaluation of a replicate."""
        split, _, kind = self.name.rpartition("_")
        return [(row.step, self.scaled(getattr(row, kind))) for row in replicate.scores if row.split == split]

    def __str__(self) -> str:
        split, _, kind = self.name.rpartition("_")
        return f"{SPLITS[split]} {kind}"


class Metric(ABC):
    """One number for a replicate.

    Attributes:
        exact: whether values may be infinite or all equal, so that only exact tests can be relied on.
    """

    exact: ClassVar[bool] = False

    @property
    @abstractmethod
    def unit(self) -> Unit: ...

    @property
    def worst(self) -> float:
        """The value of a replicate that diverged."""
        return -math.inf if self.unit.higher else math.inf

    @abstractmethod
    def measure(self, replicate: Reading) -> float:
        """The value for a replicate that did not diverge; NaN if a score that it needs was not evaluated."""

    @abstractmethod
    def __str__(self) -> str:
        """The metric in words."""

    def value_of(self, replicate: Reading) -> float:
        """The value for a replicate; `worst` if the replicate diverged."""
        return self.worst if replicate.diverged else self.measure(replicate)


@dataclass(frozen=True)
class Final(Metric):
    """The value of a column at the end of training."""

    of: Column

    @property
    def unit(self) -> Unit:
        return self.of.unit

    def measure(self, replicate: Reading) -> float:
        return self.of.scaled(replicate.final.get(self.of.name, math.nan))

    def __str__(self) -> str:
        return f"{self.of} at the end"


@dataclass(frozen=True)
class AtStep(Metric):
    """The value of a column at a step, at which it has to be evaluated."""

    of: Column
    step: int

    @property
    def unit(self) -> Unit:
        return self.of.unit

    def measure(self, replicate: Reading) -> float:
        return dict(self.of.curve(replicate)).get(self.step, math.nan)

    def __str__(self) -> str:
        return f"{self.of} at step {self.step}"


@dataclass(frozen=True)
class TimeTo(Metric):
    """The time until a column first reaches a goal, in steps or seconds; infinite if it never does.

    Raises:
        UserError: the goal is for an accuracy, and is not above 1 and at most 100 percent.
    """

    of: Column
    goal: float
    exact: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.of.unit is PERCENT and not 1 < self.goal <= 100:
            raise UserError(f"a goal of {self.goal:g} is not allowed; allowed: percent above 1, to 100, e.g. 95")

    @abstractmethod
    def at(self, step: int, replicate: Reading) -> float:
        """How long a replicate had trained at a step."""

    def measure(self, replicate: Reading) -> float:
        higher = self.of.unit.higher
        reached = (
            step for step, value in self.of.curve(replicate) if (value >= self.goal if higher else value <= self.goal)
        )
        first = next(reached, None)
        return math.inf if first is None else self.at(first, replicate)

    def __str__(self) -> str:
        return f"{self.unit.gap} until the {self.of} is {self.goal:g} {self.of.unit.value}"


@dataclass(frozen=True)
class StepsTo(TimeTo):
    """The time to a goal in steps."""

    @property
    def unit(self) -> Unit:
        return STEPS

    def at(self, step: int, replicate: Reading) -> float:
        return float(step)


@dataclass(frozen=True)
class SecondsTo(TimeTo):
    """The time to a goal in seconds of training. These are seconds of the stack in which the replicate was trained."""

    @property
    def unit(self) -> Unit:
        return SECONDS

    def at(self, step: int, replicate: Reading) -> float:
        return replicate.seconds.get(step, math.nan)


@dataclass(frozen=True)
class Area(Metric):
    """The average of a column over the steps: the area under its curve, divided by the curve's width."""

    of: Column

    @property
    def unit(self) -> Unit:
        return self.of.unit

    def measure(self, replicate: Reading) -> float:
        import pandas as pd

        from bnlab import stats

        curve = pd.DataFrame(self.of.curve(replicate), columns=["step", "score"]).assign(row=0)
        areas = stats.areas_under_curves(curve, "step", "score").tolist()
        return float(areas[0]) if areas else math.nan

    def __str__(self) -> str:
        return f"average {self.of} over the training"


@dataclass(frozen=True)
class Gap(Metric):
    """The difference of two columns at the end of training, `of` minus `less`; smaller is better.

    Raises:
        UserError: the columns have different units.
    """

    of: Column
    less: Column

    def __post_init__(self) -> None:
        if self.of.unit != self.less.unit:
            raise UserError(f"a gap of {self.of.name} less {self.less.name} has no unit; take two of a kind")

    @property
    def unit(self) -> Unit:
        own = self.of.unit
        return Unit(own.gap, own.gap, own.digits, higher=False)

    def measure(self, replicate: Reading) -> float:
        return Final(self.of).measure(replicate) - Final(self.less).measure(replicate)

    def __str__(self) -> str:
        return f"{self.of} less {self.less}, at the end"


@dataclass(frozen=True)
class Lost(Metric):
    """How much worse a column gets when test images are changed, after training; see `bnlab evaluate --shift`.

    Raises:
        UserError: the column is not of test images, or no change is given.
    """

    of: Column
    shifts: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.of.name not in ("test_accuracy", "test_loss"):
            raise UserError(f"{self.of.name} is not of changed images; allowed: test_accuracy, test_loss")
        if not self.shifts:
            raise UserError("shifts: at least one change of the images is needed, e.g. shifts: [contrast=0.5]")

    @property
    def unit(self) -> Unit:
        return replace(self.of.unit, value=self.of.unit.gap, higher=False)

    def measure(self, replicate: Reading) -> float:
        before, after = (
            self.of.scaled(scores.get(self.of.name, math.nan))
            for scores in (replicate.final, replicate.shifted.get(self.shifts, {}))
        )
        return before - after if self.of.unit.higher else after - before

    def __str__(self) -> str:
        return f"{self.of} lost at {', '.join(self.shifts)}"


@dataclass(frozen=True)
class Probed(Metric):
    """The mean of a probe's quantity over all inspected steps, and over all layers or in one; see docs/probes.md."""

    probe: str
    quantity: str
    more_is_better: bool
    layer: str | None = None

    @property
    def unit(self) -> Unit:
        return Unit("", "", 4, self.more_is_better)

    def measure(self, replicate: Reading) -> float:
        values = [
            row.value
            for row in replicate.probes
            if (row.probe, row.quantity) == (self.probe, self.quantity) and self.layer in (None, row.layer)
        ]
        return fmean(values) if values else math.nan

    def __str__(self) -> str:
        return f"average {self.quantity} by the probe {self.probe}{f', {self.layer}' if self.layer else ''}"


METRICS: dict[str, type[Metric]] = {
    "final": Final,
    "at_step": AtStep,
    "steps_to": StepsTo,
    "seconds_to": SecondsTo,
    "area": Area,
    "gap": Gap,
    "lost": Lost,
    "probe": Probed,
}
"""The metrics by their kinds in a study's file. A new metric is one more entry."""
