"""Judges a trained study: reads its metrics from the stored results, and decides its hypotheses by `stats.decide`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from bnlab import runs, stats
from bnlab.errors import UserError
from bnlab.launch import Outcome, conditions_of, evaluate_run
from bnlab.store import DamagedError, State, faults, read_probes, read_scores, read_seconds
from bnlab.studies.design import Cell
from bnlab.studies.hypotheses import At, Hypothesis, Values
from bnlab.studies.metrics import Lost, Reading
from bnlab.studies.running import Trained


@dataclass(frozen=True)
class Verdict:
    """The verdict on a hypothesis.

    Attributes:
        name: the hypothesis's name in the study's file.
        hypothesis: the hypothesis.
        decision: the result of the test.
        values: the values of its metric in the cells that it compares.
    """

    name: str
    hypothesis: Hypothesis
    decision: stats.Decision
    values: Values

    @property
    def word(self) -> stats.Word:
        return self.decision.word

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the study's file expects; True if it expects none."""
        return self.hypothesis.expected is None or self.hypothesis.expected.value == self.word.value

    def means(self) -> dict[str, float]:
        """The mean over the seeds of each cell; infinite if a seed failed."""
        return {str(Cell(arm, at)): fmean(own) for (arm, at), own in self.values.read.items()}

    def failures(self) -> dict[str, tuple[int, int]]:
        """For each cell with failed seeds, how many failed, and of how many."""
        counts = {
            str(Cell(arm, at)): (sum(math.isinf(value) for value in own), len(own))
            for (arm, at), own in self.values.read.items()
        }
        return {cell: count for cell, count in counts.items() if count[0]}

    def as_data(self) -> dict[str, Any]:
        """The verdict as plain values for JSON; missing numbers and infinite means are null."""
        low, high = self.decision.interval
        return {
            "hypothesis": self.name,
            "says": self.hypothesis.says,
            "metric": str(self.hypothesis.metric),
            "verdict": self.word.value,
            "expected": self.hypothesis.expected and self.hypothesis.expected.value,
            "effect": _finite(self.decision.difference),
            "interval": [_finite(low), _finite(high)],
            "confidence": self.decision.confidence,
            "unit": self.hypothesis.unit.gap,
            "margin": self.decision.claim.margin,
            "p_corrected": _finite(self.decision.p),
            "seeds": len(self.decision.claim.values),
            "more_seeds": self.decision.more_seeds,
            "means": {cell: _finite(mean) for cell, mean in self.means().items()},
            "failed": self.failures(),
        }


@dataclass(frozen=True)
class Judged:
    """A trained study with the stored results of each cell's seeds, and its verdicts."""

    trained: Trained
    measured: Mapping[Cell, Sequence[Reading]]
    verdicts: Sequence[Verdict]

    def as_data(self) -> dict[str, Any]:
        """The study and its verdicts as plain values for JSON."""
        plan, locked = self.trained.plan, self.trained.locked
        return {
            "study": plan.study.name,
            "question": plan.study.question,
            "budget": plan.budget,
            "command": plan.command,
            "seeds": plan.seeds,
            "locked": locked.lock.at,
            "digest": locked.lock.digest,
            "trained_before_lock": locked.lock.trained,
            "amendments": [str(each) for each in locked.amendments],
            "verdicts": [verdict.as_data() for verdict in self.verdicts],
        }


def judge(trained: Trained) -> Judged:
    """Reads a study's stored results and decides every hypothesis.

    Raises:
        UserError: a replicate's files were changed after training, or lack what a metric needs.
    """
    hypotheses = trained.plan.study.hypotheses
    measured = {cell: [_measured(outcome) for outcome in own] for cell, own in trained.outcomes.items()}
    if any(isinstance(of.metric, Lost) for of in hypotheses.values()):
        measured |= _with_shifted(trained, measured)
    values = {name: _values(trained, name, hypothesis, measured) for name, hypothesis in hypotheses.items()}
    decisions = stats.decide([hypothesis.claim(values[name]) for name, hypothesis in hypotheses.items()])
    verdicts = [
        Verdict(name, hypothesis, decision, values[name])
        for (name, hypothesis), decision in zip(hypotheses.items(), decisions, strict=True)
    ]
    return Judged(trained, measured, verdicts)


def _measured(outcome: Outcome) -> Reading:
    folder, result = outcome.folder, outcome.result
    changed = next(iter(faults(folder, result)), None)
    if changed:
        raise UserError(f"{folder}: {changed}; see: bnlab runs check")
    try:
        scores, seconds, probes = read_scores(folder), read_seconds(folder), read_probes(folder)
    except (OSError, DamagedError) as error:
        raise UserError(f"{folder} cannot be read: {error}; train it anew with rerun=true") from error
    return Reading(result.final, scores, seconds, result.state == State.DIVERGED, probes)


def _with_shifted(trained: Trained, measured: Mapping[Cell, Sequence[Reading]]) -> dict[Cell, list[Reading]]:
    """The cells of hypotheses about changed test images, with the scores of their stored weights on such images."""
    about = [of for of in trained.plan.study.hypotheses.values() if isinstance(of.metric, Lost)]
    shifts = dict.fromkeys(of.metric.shifts for of in about if isinstance(of.metric, Lost))
    arms = {arm for of in about for arm, _ in of.places()}
    found = {}
    for cell in measured:
        own = [each for each in zip(measured[cell], trained.outcomes[cell], strict=True) if cell.arm in arms]
        if all(replicate.diverged for replicate, _ in own):
            continue  # diverged replicates have no weights
        folder = own[0][1].folder.parent
        run = runs.find(runs.read(folder.parent), folder.name)
        scores = {each: _scores(run, each) for each in shifts}
        found[cell] = [
            replace(replicate, shifted={each: of_seed.get(outcome.job.seed, {}) for each, of_seed in scores.items()})
            for replicate, outcome in own
        ]
    return found


def _scores(run: runs.Run, shifts: Sequence[str]) -> dict[int, dict[str, float]]:
    """For each seed that did not diverge, the final scores of a run on test images with these changes."""
    _, evaluated = evaluate_run(run, {}, conditions_of(shifts, "stored", None, "running"))
    return {one.seed: {"test_accuracy": one.score.accuracy(0), "test_loss": one.score.loss(0)} for one in evaluated}


def _values(trained: Trained, name: str, hypothesis: Hypothesis, measured: Mapping[Cell, Sequence[Reading]]) -> Values:
    swept, over = trained.plan.study.sweep, hypothesis.over
    read = {}
    for arm, at in hypothesis.places():
        for each in _spread(at, over, swept):
            cell = Cell(arm, tuple((key, each[key]) for key in swept))
            read[cell.arm, cell.at] = [hypothesis.metric.value_of(replicate) for replicate in measured[cell]]
            if any(math.isnan(value) for value in read[cell.arm, cell.at]):
                raise UserError(f"hypothesis {name}: {cell} has no {hypothesis.metric}")
    return Values(read, swept, hypothesis.metric.unit.higher)


def _spread(at: At, over: str | None, swept: Mapping[str, Sequence[str]]) -> list[At]:
    """`at` alone, or, if there is a setting `over`, `at` with each of its values."""
    return [at] if over is None else [{**at, over: value} for value in swept[over]]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
