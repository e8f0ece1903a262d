"""From numbers that are wrong to words: which known mistakes reproduce them.

The reference is run with one mistake after the other. A mistake that contradicts a check that passes, or changes none
that fails, is ruled out; of the others the smallest set is looked for with which the reference gives the layer's own
numbers in every check.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bnlab.verify.checks import CHECKS, Check, Report
from bnlab.verify.measures import invariances
from bnlab.verify.mistake import Mistake
from bnlab.verify.mistakes import describe, known
from bnlab.verify.reference import Values
from bnlab.verify.result import FAIL, NOT_APPLICABLE, PASS, Result, errors
from bnlab.verify.subject import reference_new

AT_ONCE = 3
"""How many mistakes are tried together."""

OFFSET = next(check.name for check in CHECKS if check.name.startswith("offset"))
ROUND_TRIP = "state_dict round trip"


@dataclass(frozen=True)
class Diagnosis:
    """A mistake's name and its sentence; the name is `unknown` for what no known mistake explains."""

    mistake: str
    text: str


def diagnose(report: Report) -> tuple[Diagnosis, ...]:
    """What is wrong with a subject that failed; nothing for one that did not."""
    if not report.failed:
        return ()
    defects = [Diagnosis(defect, describe(defect)) for defect in report.defects]
    search = _Search(report)
    if not search.wrong:
        return tuple(defects) or tuple(_raised(report))
    suspects = search.suspects()
    explained = search.smallest(suspects)
    if explained:
        return (*_sentences(explained, report), *defects)
    partly = search.best(suspects)
    return (*_sentences(partly, report), *defects, _unknown(search.wrong[0], beyond=bool(partly or defects)))


class _Search:
    """The layer's numbers beside those of the reference with mistakes."""

    def __init__(self, report: Report) -> None:
        self.report = report
        by_name = {result.check: result for result in report.results}
        results = [(check, by_name[check.name]) for check in CHECKS]
        # the quickest first
        self.compared = sorted(
            ((check, result) for check, result in results if self._counts(check, result)),
            key=lambda pair: pair[0].ndim is not None,
        )
        self.wrong = [result for _, result in self.compared if result.status == FAIL]
        self._values: dict[tuple[str, tuple[Mistake, ...]], Values] = {}

    def _counts(self, check: Check, result: Result) -> bool:
        """Whether a check has numbers to compare, and ones that do not follow from a defect or from other checks."""
        if result.status == NOT_APPLICABLE or not result.seen or (check.rounding and check.name != OFFSET):
            return False
        lost = {"statistics are no buffers", "weight is no parameter", "bias is no parameter"} & set(
            self.report.defects
        )
        if check.name == ROUND_TRIP and lost:
            return False
        return not ((check.running or check.ndim) and "no statistics" in self.report.defects)

    def suspects(self) -> list[Mistake]:
        """Mistakes that contradict no check that passes, and change one that fails."""
        reference = self.report.subject.reference
        mistakes = known(self.report.subject.scheme, reference) if reference.recipe else ()
        return [mistake for mistake in mistakes if self._suspect(mistake)]

    def smallest(self, suspects: list[Mistake]) -> tuple[Mistake, ...]:
        """The smallest set of suspects that reproduces every number; empty if there is none."""
        for size in range(1, AT_ONCE + 1):
            for several in combinations(suspects, size):
                if _compatible(several) and all(self._alike(*pair, several) for pair in self.compared):
                    return several
        return ()

    def best(self, suspects: list[Mistake]) -> tuple[Mistake, ...]:
        """The suspect that explains most failures by itself; empty if none explains any."""
        counts = {mistake: sum(self._explains(*pair, mistake) for pair in self.compared) for mistake in suspects}
        best = max(suspects, key=lambda mistake: counts[mistake], default=None)
        return (best,) if best and counts[best] else ()

    def _suspect(self, mistake: Mistake) -> bool:
        if not all(self._alike(*pair, (mistake,)) for pair in self.compared if pair[1].status == PASS):
            return False
        return any(
            not self._same(check, result.expected, self.values(check, (mistake,)), (mistake,))
            for check, result in self.compared
            if result.status == FAIL and not _open(check, (mistake,))
        )

    def _explains(self, check: Check, result: Result, mistake: Mistake) -> bool:
        by_chance = check.rounding or check.measure is invariances  # few outcomes are possible there
        if result.status != FAIL or by_chance or _open(check, (mistake,)):
            return False
        return self._alike(check, result, (mistake,))

    def values(self, check: Check, mistakes: tuple[Mistake, ...]) -> Values:
        """What the reference with these mistakes gives in a check."""
        key = (check.name, mistakes)
        if key not in self._values:
            change = {name: value for mistake in mistakes for name, value in mistake.change.items()}
            new = reference_new(self.report.subject.reference.by(**change))
            with np.errstate(all="ignore"):
                self._values[key] = check.measure(new, check.ndim or self.report.taken.shapes[0])
        return self._values[key]

    def _alike(self, check: Check, result: Result, mistakes: tuple[Mistake, ...]) -> bool:
        """Whether the mistaken reference gives the layer's numbers in this check, or leaves it open."""
        if _open(check, mistakes):
            return True
        values = self.values(check, mistakes)
        if check.rounding and result.status == FAIL:  # two layers that cancel digits are left with different ones
            return errors(values, result.expected)[1] > check.tolerance
        return self._same(check, result.seen, values, mistakes)

    def _same(self, check: Check, seen: Values, values: Values, mistakes: tuple[Mistake, ...]) -> bool:
        tolerance = max(check.tolerance, 100 * self.report.exact)
        for name, value in values.items():
            # a tensor that the layer does not have is a defect of its own
            if name not in seen or (name in RUNNING and any(mistake.leaves_running_open for mistake in mistakes)):
                continue
            largest = np.abs(value[np.isfinite(value)]).max(initial=1e-3)
            same_shape = seen[name].shape == value.shape
            if not same_shape or not np.allclose(seen[name], value, rtol=0, atol=tolerance * largest, equal_nan=True):
                return False
        return True


RUNNING = frozenset({"running_mean", "running_var", "evaluated"})
"""What depends on running statistics in a check that is not about them alone."""


def _open(check: Check, mistakes: tuple[Mistake, ...]) -> bool:
    return any(check.name in m.leaves_open or (check.running and m.leaves_running_open) for m in mistakes)


def _compatible(mistakes: tuple[Mistake, ...]) -> bool:
    """No two of them change one choice."""
    return sum(len(mistake.change) for mistake in mistakes) == len({key for m in mistakes for key in m.change})


def _sentences(mistakes: tuple[Mistake, ...], report: Report) -> list[Diagnosis]:
    """Of what was assumed, another value is no mistake of the layer's."""
    assumed = {f"{setting} fixed" for setting in report.subject.assumed}
    return [Diagnosis(mistake.name, mistake.text) for mistake in mistakes if mistake.name not in assumed]


def _raised(report: Report) -> list[Diagnosis]:
    """What failed without numbers."""
    return [
        Diagnosis("unknown", f"'{result.check}' fails: {result.note}.")
        for result in report.results
        if result.status == FAIL
    ]


def _unknown(result: Result, *, beyond: bool) -> Diagnosis:
    """The value that is furthest off in a check."""
    comparable = [n for n, v in result.expected.items() if n in result.seen and result.seen[n].shape == v.shape]
    gaps = {n: np.nan_to_num(np.abs(result.seen[n] - result.expected[n]), nan=np.inf) for n in comparable}
    begin = "beyond that, the numbers are" if beyond else "no known mistake gives these numbers; they are"
    if not gaps:
        return Diagnosis("unknown", f"{begin} first wrong in '{result.check}'.")
    name = max(gaps, key=lambda key: float(gaps[key].max()))
    index = tuple(int(i) for i in np.unravel_index(gaps[name].argmax(), gaps[name].shape))
    text = (
        f"{begin} first wrong in '{result.check}': {name}[{', '.join(map(str, index))}] is"
        f" {result.seen[name][index]:.6g}, the reference gives {result.expected[name][index]:.6g}."
    )
    return Diagnosis("unknown", text)
