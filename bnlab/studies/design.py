"""`Study`, the typed form of a study's file: the question, the runs to train, and the hypotheses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bnlab.errors import UserError
from bnlab.studies.hypotheses import Hypothesis
from bnlab.studies.metrics import Column


class Role(StrEnum):
    """The role of a setting in a study, in the terms of Google's Deep Learning Tuning Playbook."""

    SCIENTIFIC = "scientific"  # its effect is what the study measures
    NUISANCE = "nuisance"  # it has to be tuned or varied for a fair comparison of scientific ones
    FIXED = "fixed"  # the same in all arms; the findings hold for this value only


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The reason for the value of a setting.

    Attributes:
        role: its role in this study.
        stated: what the source says about it; None if it says nothing and the value is our choice.
        why: the reason, in a few words.
    """

    role: Role
    stated: str | None = None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of the claim that is studied.

    Attributes:
        what: the article or paper.
        says: what it claims, in its own words or close to them.
        claim: the number of the claim in the article; None if the source is a paper.
    """

    what: str
    says: str
    claim: int | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much is trained.

    Attributes:
        seeds: seeds per arm.
        overrides: settings of this budget, as on the command line, such as steps and number of images.
    """

    seeds: int
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Published:
    """A curve of the source, to be drawn over ours.

    Attributes:
        label: the curve's name.
        x: the points' places on the chart's x axis.
        y: the points' values; accuracies in percent, losses in nats.
        error: the error of reading a point from a figure, in the unit of y; 0 if the source prints the numbers.
        arm: our arm that it is compared with, number by number; None if it is only drawn.
        at: that arm's values of swept settings that are not on the x axis.

    Raises:
        UserError: x and y have different numbers of values, or none.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    error: float
    arm: str | None = None
    at: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not self.x:
            raise UserError(f"x has {len(self.x)} values and y {len(self.y)}; a curve needs as many, at least one")


SHIFTS = ("contrast", "brightness")
"""Changes of test images by a factor, as `bnlab evaluate --shift` makes them; a factor of 1 is no change."""
AXES = ("step", "epoch", *SHIFTS)
"""What a chart's x axis may be, besides a swept setting."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The axes of the source's figure.

    Attributes:
        x: "step", "epoch", a swept setting, or a change of the test images that hypotheses are about.
        y: a column of results.
        log: whether the x axis is logarithmic.
    """

    x: str = "step"
    y: Column = field(default_factory=lambda: Column("test_accuracy"))
    log: bool = False


@dataclass(frozen=True)
class Cell:
    """An arm at one value of each swept setting; it is trained with all seeds.

    Attributes:
        arm: the arm's name.
        at: pairs of a swept setting and its value.
    """

    arm: str
    at: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return ", ".join([self.arm, *(f"{key}={value}" for key, value in self.at)])


Arm = tuple[str, ...]
"""The settings that make an arm, as on the command line."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question, the runs that shall answer it, and the hypotheses about them.

    Attributes:
        name: the file's name without folder and suffix.
        path: what the user types for it: the name of a shipped study, or the file.
        question: the question.
        source: the source of the claim.
        settings: for the settings that matter, the reason for their values.
        overrides: settings of all arms, as on the command line.
        arms: for each arm its own settings, by the arm's name.
        sweep: swept settings, each with its values; every arm is trained at every combination of values.
        budgets: how much is trained, for "quick" and "full".
        hypotheses: the hypotheses by name.
        chart: the chart's axes.
        published: curves of the source.
        needs: optional packages that it needs, by the names by which they are imported.
    """

    name: str
    path: str
    question: str
    source: Source
    arms: Mapping[str, Arm]
    budgets: Mapping[str, Budget]
    hypotheses: Mapping[str, Hypothesis]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    sweep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    chart: Chart = field(default_factory=Chart)
    published: tuple[Published, ...] = ()
    needs: tuple[str, ...] = ()

    def cells(self) -> Iterator[Cell]:
        """All cells: every arm at every combination of swept values."""
        for arm in self.arms:
            for values in itertools.product(*self.sweep.values()):
                yield Cell(arm, tuple(zip(self.sweep, values, strict=True)))
