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

    As the command does, it records in the runs folder that verdicts were read: a later report says how often.

    Args:
        runs: from `bnlab.train`, `sweep` or `load_runs`, or a path that `load_runs` takes.
        by: the settings that make an arm, "norm.name" or a list; empty: those that differ between the runs.
        metric: the final metric to compare.
        baseline: the arm with which the others are compared, "norm.name=none".
        margin: differences of at most so many points (nats for a loss) are practically equal.
        target: the time to reach this value, in percent (nats for a loss), is compared; None: the baseline's final one.
        plan: the number of seeds per arm that is fixed beforehand: no verdict before all are there.

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
