"""The metrics of studies: each gives one number of a replicate, the worst possible one if it diverged.

In a study's file a metric is written as `{kind: steps_to, of: test_accuracy, goal: 95}`, or as the name of a column
alone, which means its value at the end. Accuracies are in percent, their differences in points, losses in nats.
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
        digits: number of digits after the point.
        higher: whether higher is better.
    """

    value: str
    gap: str
    digits: int
    higher: bool

    def text(self, value: float, sign: str = "") -> str:
        """A value with its unit."""
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
        seconds: seconds of training until each evaluated step.
        diverged: whether its loss was not finite at some step.
        probes: all rows of probes.csv.
        shifted: its final scores by column on test images that were changed, by the changes: ("contrast=0.3",).
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
        """Its steps and values, at each evaluation."""
        split, _, kind = self.name.rpartition("_")
        return [(row.step, self.scaled(getattr(row, kind))) for row in replicate.scores if row.split == split]

    def __str__(self) -> str:
        split, _, kind = self.name.rpartition("_")
        return f"{SPLITS[split]} {kind}"


class Metric(ABC):
    """One number of a replicate.

    Attributes:
        exact: whether values may be infinite or have no spread, so that only exact tests are sure to apply.
    """

    exact: ClassVar[bool] = False

    @property
    @abstractmethod
    def unit(self) -> Unit: ...

    @property
    def worst(self) -> float:
        """Of a replicate that diverged."""
        return -math.inf if self.unit.higher else math.inf

    @abstractmethod
    def measure(self, replicate: Reading) -> float:
        """Its value of a replicate that did not diverge; NaN where what it needs was not evaluated."""

    @abstractmethod
    def __str__(self) -> str:
        """In words."""

    def value_of(self, replicate: Reading) -> float:
        """Its value; the worst there is of a replicate that diverged."""
        return self.worst if replicate.diverged else self.measure(replicate)


@dataclass(frozen=True)
class Final(Metric):
    """A column at the end of the training."""

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
    """A column at a step, which has to be one at which it is evaluated."""

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
    """How long until a column first reaches a goal; infinite where it never does."""

    of: Column
    goal: float
    exact: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.of.unit is PERCENT and not 1 < self.goal <= 100:
            raise UserError(f"a goal of {self.goal:g} is not allowed; allowed: percent above 1, to 100, e.g. 95")

    @abstractmethod
    def at(self, step: int, replicate: Reading) -> float:
        """How long it had trained by a step."""

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
    """In steps."""

    @property
    def unit(self) -> Unit:
        return STEPS

    def at(self, step: int, replicate: Reading) -> float:
        return float(step)


@dataclass(frozen=True)
class SecondsTo(TimeTo):
    """In seconds of training, which replicates of a stack share: they are of a stack, not of a replicate alone."""

    @property
    def unit(self) -> Unit:
        return SECONDS

    def at(self, step: int, replicate: Reading) -> float:
        return replicate.seconds.get(step, math.nan)


@dataclass(frozen=True)
class Area(Metric):
    """The average height of a column's curve over the steps: the area under it over its width."""

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
    """A column less another at the end; a smaller one is better."""

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
    """How much worse a column of the test images is at the end when the images are changed; see `bnlab evaluate`."""

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
    """A probe's quantity, on average over all looks and the layers that have it, or one layer; see docs/probes.md."""

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
"""By the kind that a study's file names. What else can be measured of a replicate is one entry more."""
