"""`bnlab.compare`: what `bnlab report` says, as an object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnlab.python.loading import Runs
    from bnlab.report import Report


def compare(
    runs: Runs | str | Path = "runs",
    *,
    by: str | Sequence[str] = (),
    metric: str = "test_accuracy",
    baseline: str | None = None,
    margin: float | None = None,
    target: float | None = None,
    plan: int | None = None,
) -> Report:
    """Compares the arms of stored runs: the verdicts that `bnlab report` prints, its tables and its charts.

    As the command does, it notes beside the runs that verdicts were read: a later report says how often.

    Args:
        runs: from `bnlab.train`, `sweep` or `load_runs`, or what `load_runs` takes.
        by: the settings that make an arm, "norm.name" or a list; none: whatever differs between the runs.
        metric: a column of final metrics.
        baseline: the arm that the others are held against, "norm.name=none".
        margin: differences within +- so many points (of losses nats) are practically equal.
        target: percent (of losses nats) whose first reach is timed; None: the baseline's end.
        plan: fixes the seeds per arm: no verdict before them.

    Returns:
        `.verdicts`, each with `.sentence`; `.tables`, of pandas; `.charts`, of Altair; `.write(FOLDER)`.

    Raises:
        UserError: no such run, setting or metric, a baseline that is not one arm, or a number out of its range.
    """
    from bnlab.python.loading import Runs, load_runs
    from bnlab.report import Question, answer

    question = Question([by] if isinstance(by, str) else by, metric, baseline, margin, target, plan)
    of = runs if isinstance(runs, Runs) else load_runs(runs)
    return answer(of.frame, of.warnings, question, question.command(of.folders, None))
