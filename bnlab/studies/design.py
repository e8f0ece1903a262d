"""`Study`, the typed form of a study's file: the question, what is trained, and the hypotheses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bnlab.errors import UserError
from bnlab.studies.hypotheses import Hypothesis
from bnlab.studies.metrics import Column


class Role(StrEnum):
    """The role of a setting in a study, in the words of Google's tuning playbook."""

    SCIENTIFIC = "scientific"  # the study is about it
    NUISANCE = "nuisance"  # it has to be dealt with to compare the scientific ones fairly
    FIXED = "fixed"  # the same in all arms; what is found holds for it


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The reason for the value of a setting.

    Attributes:
        role: its role in this study.
        stated: what the source says about it; None: nothing, and the value is our choice.
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
        label: of whom it is.
        x: on the chart's own axis.
        y: in percent of accuracies, in nats of losses.
        error: how far a point may be off, as read from a figure; 0: it is printed in numbers.
        arm: ours that it is held against, number by number; None: it is drawn alone.
        at: of that arm, values of swept settings that are not on the x axis.
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
"""Factors on test images, as `bnlab evaluate --shift` makes them; 1 is no change."""
AXES = ("step", "epoch", *SHIFTS)
"""What a chart's axis may be, besides swept settings."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The axes of the source's figure.

    Attributes:
        x: "step", "epoch", a setting that is swept, or a change of the test images that hypotheses are about.
        y: a column of results.
        log: whether x is drawn in powers.
    """

    x: str = "step"
    y: Column = field(default_factory=lambda: Column("test_accuracy"))
    log: bool = False


@dataclass(frozen=True)
class Cell:
    """What is trained with all seeds: an arm at one value of each swept setting."""

    arm: str
    at: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return ", ".join([self.arm, *(f"{key}={value}" for key, value in self.at)])


Arm = tuple[str, ...]
"""The settings that make an arm, as on the command line."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A question, the runs that are to answer it, and what is said of them beforehand.

    Attributes:
        name: of the file, without its folder and ending.
        path: what is typed for it: the name of a shipped one, else the file.
        question: that is asked.
        source: whose claim it is.
        settings: of those that matter, why they are as they are.
        overrides: settings of all arms, as on the command line.
        arms: by name, the settings that make each one.
        sweep: settings of which every arm is trained with each of the values.
        budgets: "quick" and "full".
        hypotheses: by name.
        chart: its axes.
        published: curves of the source.
        needs: packages that not everybody has, by the names by which they are imported.
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
        """All that is trained with all seeds."""
        for arm in self.arms:
            for values in itertools.product(*self.sweep.values()):
                yield Cell(arm, tuple(zip(self.sweep, values, strict=True)))
