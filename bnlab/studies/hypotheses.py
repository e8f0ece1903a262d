"""The kinds of hypotheses about a study's arms, each with the two columns of numbers that decide it.

A hypothesis becomes a `stats.Claim`: two numbers per seed, of which greater ones are better, and a margin. In a study
with swept settings, `at` says for which of their values the hypothesis is stated.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from bnlab.errors import UserError
from bnlab.studies.metrics import Metric, Unit

if TYPE_CHECKING:
    from bnlab.stats import Claim

At = Mapping[str, str]
"""For each swept setting one value."""
Read = Mapping[tuple[str, tuple[tuple[str, str], ...]], Sequence[float]]
"""The metric of each seed, by the arm and its values of the swept settings; all have the same order of seeds."""


class Expected(StrEnum):
    """The verdict that a study's file expects for a hypothesis."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    EQUAL = "practically equal"
    INCONCLUSIVE = "inconclusive"


class Direction(StrEnum):
    """Whether a metric rises or falls as a setting grows."""

    RISES = "rises"
    FALLS = "falls"


@dataclass(frozen=True, kw_only=True)
class Hypothesis(ABC):
    """A claim about a metric, stated before training.

    Attributes:
        within: whether it claims that a difference is within the margin, not above it.
        by_order: whether its numbers are made from the order of values or of settings, so that only exact tests apply.
        says: the claim as a sentence.
        metric: the metric that it is about.
        at: the values of swept settings for which it is stated.
        expected: the verdict that the full study is expected to give; None if none is stated.
    """

    within: ClassVar[bool] = False
    by_order: ClassVar[bool] = False

    says: str
    metric: Metric
    at: At = field(default_factory=dict)
    expected: Expected | None = None

    @property
    def exact(self) -> bool:
        """Whether its values may be infinite or all equal, so that only exact tests can be relied on."""
        return self.by_order or self.metric.exact

    @property
    def unit(self) -> Unit:
        """The unit of its effect."""
        return self.metric.unit

    @property
    @abstractmethod
    def effect(self) -> str:
        """The difference that is its effect, in words, e.g. "batch against none"."""

    @abstractmethod
    def places(self) -> Iterator[tuple[str, At]]:
        """The arms that it compares, each with its values of swept settings, without the setting `over`."""

    @property
    def over(self) -> str | None:
        """The swept setting of which it needs all values; None if there is none."""
        return None

    @abstractmethod
    def claim(self, of: Values) -> Claim:
        """The claim about these numbers, for `stats.decide`."""


@dataclass(frozen=True)
class Values:
    """The metric of a hypothesis for each cell and seed, in the same order of seeds in all cells.

    Attributes:
        read: the metric's values, by arm and values of swept settings.
        swept: for each swept setting its values, in order.
        higher: whether higher is better.
    """

    read: Read
    swept: Mapping[str, Sequence[str]]
    higher: bool

    def raw(self, arm: str, at: At) -> tuple[float, ...]:
        """The values as measured, one per seed."""
        return tuple(self.read[arm, tuple((key, at[key]) for key in self.swept)])

    def better(self, arm: str, at: At) -> tuple[float, ...]:
        """The values, with the sign changed if lower is better, so that greater is better."""
        return tuple(value if self.higher else -value for value in self.raw(arm, at))

    def along(self, arm: str, at: At, key: str) -> Iterator[tuple[float, tuple[float, ...]]]:
        """The values of a swept setting as numbers, in ascending order, each with the metric as measured."""
        for text in sorted(self.swept[key], key=float):
            yield float(text), self.raw(arm, {**at, key: text})


@dataclass(frozen=True, kw_only=True)
class Better(Hypothesis):
    """`arm` is better than `than` by more than `margin`, in the unit of the metric's differences."""

    arm: str
    than: str
    margin: float = 0.0

    def __post_init__(self) -> None:
        _check_margin(self.margin, least=0.0)

    @property
    def effect(self) -> str:
        return f"{self.arm} against {self.than}"

    def places(self) -> Iterator[tuple[str, At]]:
        yield from ((arm, self.at) for arm in (self.arm, self.than))

    def claim(self, of: Values) -> Claim:
        from bnlab.stats import Claim

        return Claim(of.better(self.arm, self.at), of.better(self.than, self.at), self.margin, self.within)


@dataclass(frozen=True, kw_only=True)
class Equal(Hypothesis):
    """`arm` and `to` differ by less than `margin`, in the unit of the metric's differences."""

    within: ClassVar[bool] = True

    arm: str
    to: str
    margin: float

    def __post_init__(self) -> None:
        _check_margin(self.margin, above=0.0)

    @property
    def effect(self) -> str:
        return f"{self.arm} against {self.to}"

    def places(self) -> Iterator[tuple[str, At]]:
        yield from ((arm, self.at) for arm in (self.arm, self.to))

    def claim(self, of: Values) -> Claim:
        from bnlab.stats import Claim

        return Claim(of.better(self.arm, self.at), of.better(self.to, self.at), self.margin, self.within)


@dataclass(frozen=True, kw_only=True)
class Interaction(Hypothesis):
    """The lead of `arm` over `than` is larger at one setting (`at`) than at another (`against`), by over a margin."""

    arm: str
    than: str
    against: At
    margin: float = 0.0

    def __post_init__(self) -> None:
        _check_margin(self.margin, least=0.0)

    @property
    def effect(self) -> str:
        return f"{self.arm} against {self.than}, at {_told(self.at)} rather than {_told(self.against)}"

    def places(self) -> Iterator[tuple[str, At]]:
        yield from ((arm, at) for at in (self.at, self.against) for arm in (self.arm, self.than))

    def claim(self, of: Values) -> Claim:
        from bnlab.stats import Claim

        here, there = (
            tuple(map(_less, of.better(self.arm, at), of.better(self.than, at))) for at in (self.at, self.against)
        )
        return Claim(here, there, self.margin, self.within)


TAU = Unit("", "of tau", 2, True)


@dataclass(frozen=True, kw_only=True)
class Trend(Hypothesis):
    """The metric of `arm` rises, or falls, with the swept setting `along`, measured in each seed by Kendall's tau.

    Tau is between -1 and 1: the share of pairs of settings whose metrics are in the claimed order, minus the share in
    the opposite order.
    """

    by_order: ClassVar[bool] = True

    arm: str
    along: str
    direction: Direction
    margin: float = 0.0

    def __post_init__(self) -> None:
        _check_margin(self.margin, least=0.0)

    @property
    def unit(self) -> Unit:
        return TAU

    @property
    def effect(self) -> str:
        return f"the {self.metric} of {self.arm} {self.direction} with {self.along}, Kendall's tau"

    @property
    def over(self) -> str:
        return self.along

    def places(self) -> Iterator[tuple[str, At]]:
        yield self.arm, self.at

    def claim(self, of: Values) -> Claim:
        from bnlab.stats import Claim

        columns = [values for _, values in of.along(self.arm, self.at, self.along)]
        sign = 1 if self.direction == Direction.RISES else -1
        taus = tuple(sign * _tau(seed) for seed in zip(*columns, strict=True))
        return Claim(taus, (0.0,) * len(taus), self.margin, self.within)


DECADES = Unit("decades", "decades", 2, True)


@dataclass(frozen=True, kw_only=True)
class Reaches(Hypothesis):
    """`arm` trains up to a larger value of a swept setting than `than`, by more than a factor.

    A seed trains at a value of the setting if its metric is `goal` or better there. Its number is log10 of the largest
    such value, or minus infinity if it trains at none.

    Attributes:
        arm, than: the two arms.
        along: the swept setting.
        goal: the metric's value to reach, in its unit.
        share: for the sentence only: it reports the largest value at which this share of the seeds trains.
        factor: the margin, as a factor.
    """

    by_order: ClassVar[bool] = True

    arm: str
    than: str
    along: str
    goal: float
    share: float = 0.5
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UserError(f"share: {self.share:g} is not allowed; allowed: above 0, to 1, e.g. share: 0.5")
        if not self.factor >= 1:
            raise UserError(f"factor: {self.factor:g} is not allowed; allowed: 1 or more, e.g. factor: 3")

    @property
    def unit(self) -> Unit:
        return DECADES

    @property
    def effect(self) -> str:
        return f"the largest {self.along} at which {self.arm} trains, over that of {self.than}"

    @property
    def over(self) -> str:
        return self.along

    def places(self) -> Iterator[tuple[str, At]]:
        yield from ((arm, self.at) for arm in (self.arm, self.than))

    def claim(self, of: Values) -> Claim:
        from bnlab.stats import Claim

        margin = math.log10(self.factor)
        return Claim(self._largest(of, self.arm), self._largest(of, self.than), margin, self.within)

    def _largest(self, of: Values, arm: str) -> tuple[float, ...]:
        columns = [[(value, each) for each in own] for value, own in of.along(arm, self.at, self.along)]
        return tuple(
            max((math.log10(value) for value, each in seed if self._trains(each, higher=of.higher)), default=-math.inf)
            for seed in zip(*columns, strict=True)
        )

    def largest_of_share(self, of: Values, arm: str) -> float | None:
        """The largest value of the setting at which at least this share of the seeds trains; None if there is none."""
        trains = (
            (value, sum(self._trains(each, higher=of.higher) for each in own) / len(own))
            for value, own in of.along(arm, self.at, self.along)
        )
        return max((value for value, share in trains if share >= self.share), default=None)

    def _trains(self, value: float, *, higher: bool) -> bool:
        return value >= self.goal if higher else value <= self.goal


@dataclass(frozen=True, kw_only=True)
class Near(Hypothesis):
    """The metric of `arm` is within `tolerance` of a published `value`, both in the metric's unit."""

    within: ClassVar[bool] = True

    arm: str
    value: float
    tolerance: float

    def __post_init__(self) -> None:
        _check_margin(self.tolerance, above=0.0)

    @property
    def effect(self) -> str:
        return f"{self.arm} against {self.metric.unit.text(self.value)}"

    def places(self) -> Iterator[tuple[str, At]]:
        yield self.arm, self.at

    def claim(self, of: Values) -> Claim:
        from bnlab.stats import Claim

        own = of.better(self.arm, self.at)
        published = self.value if of.higher else -self.value
        return Claim(own, (published,) * len(own), self.tolerance, self.within)


def _told(at: At) -> str:
    return ", ".join(f"{key}={value}" for key, value in at.items())


def _less(value: float, other: float) -> float:
    """The difference of two values; 0 if both are the same infinity, as for two seeds that failed."""
    return 0.0 if value == other else value - other


def _tau(values: Sequence[float]) -> float:
    """Kendall's tau-a between values and their positions; ties count as 0."""
    pairs = [(a, b) for i, a in enumerate(values) for b in values[i + 1 :]]
    return sum((b > a) - (b < a) for a, b in pairs) / len(pairs)


def _check_margin(margin: float, *, least: float = -math.inf, above: float = -math.inf) -> None:
    if not (least <= margin < math.inf and margin > above):
        allowed = "a number above 0" if above == 0 else "a number of 0 or more"
        raise UserError(f"a margin of {margin:g} is not allowed; allowed: {allowed}")


HYPOTHESES: dict[str, type[Hypothesis]] = {
    "better": Better,
    "equal": Equal,
    "interaction": Interaction,
    "trend": Trend,
    "reaches": Reaches,
    "near": Near,
}
"""The hypotheses, by the names of their kinds in a study's file."""
