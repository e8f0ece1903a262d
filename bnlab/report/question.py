"""The question that a report answers, as the options of `bnlab report` state it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bnlab.errors import UserError


@dataclass(frozen=True)
class Question:
    """The question that a report answers.

    Attributes:
        by: the columns whose values define an arm ("norm.name"); empty: all settings that differ between the runs.
        metric: a final metric of the runs ("test_accuracy").
        baseline: the arm that the others are compared with ("norm.name=none"); None: every two arms are compared.
        margin: differences within +- margin count as practically equal; in points for accuracies, in nats for losses;
            None: equality is not tested.
        target: the value whose first reach is timed; in percent for accuracies, in nats for losses; None: the final
            mean of the baseline, or without one of the last arm.
        plan: the number of seeds per arm before which there is no verdict; None: as planned earlier, if at all.
        against: the folder of an earlier report, to print what changed since; None: do not.
    """

    by: Sequence[str] = ()
    metric: str = "test_accuracy"
    baseline: str | None = None
    margin: float | None = None
    target: float | None = None
    plan: int | None = None
    against: Path | None = None

    def __post_init__(self) -> None:
        """Raises UserError for a margin, a target or a plan that is out of its range."""
        if self.plan is not None and self.plan < 2:
            raise UserError(f"--plan {self.plan} is not allowed; allowed: 2 or more seeds per arm, e.g. --plan 20")
        if self.margin is not None and not 0 < self.margin < math.inf:
            raise UserError(f"--margin {self.margin} is not a number above 0; give points, e.g. --margin 0.1")
        if self.target is None:
            return
        if self.metric.endswith("accuracy") and not 1 < self.target <= 100:
            raise UserError(
                f"--target {self.target} is not allowed; allowed: percent, 0 to 100, and none of 1 or less, which "
                "would be a fraction; e.g. --target 97"
            )
        if not 0 <= self.target < math.inf:
            raise UserError(f"--target {self.target} is not allowed; allowed: nats, 0 or more, e.g. --target 0.1")

    def command(self, runs: Sequence[Path], output: Path | None) -> str:
        """The command line that asks this question about these run folders."""
        options: dict[str, object] = {
            "metric": self.metric if self.metric != Question.metric else None,
            "by": ",".join(self.by),
            "baseline": self.baseline,
            "margin": self.margin,
            "target": self.target,
            "plan": self.plan,
            "against": self.against,
            "output": output,
        }
        words = [part for name, value in options.items() if value for part in (f"--{name}", str(value))]
        return shlex.join(["bnlab", "report", *map(str, runs), *words])
