"""Finds the known mistakes that give a layer's numbers: runs the reference with one mistake, then with several.

Single arrays are compared. A mistake is a *suspect* if the reference with it still agrees with every right array of the
layer, and differs from the plain reference in a wrong one. It *explains* an array if it changes the reference's values
into the layer's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from bnlab.verification.checks import FAIL, PASS, Result, errors, measures
from bnlab.verification.checks.checks import CHECKS, Check, Report
from bnlab.verification.checks.special import OVERWRITTEN
from bnlab.verification.mistakes.by_rule import LEAST, fixed_numbers, is_of_axes
from bnlab.verification.mistakes.mistake import Mistake
from bnlab.verification.mistakes.mistakes import known
from bnlab.verification.mistakes.wrong_statistics import other_average
from bnlab.verification.reference import Array
from bnlab.verification.reference.layers import ReferenceNew

AT_ONCE = 2
"""How many mistakes are tried together, for all arrays."""

IN_OUTPUT = 3
"""The same for the output alone, which few mistakes change. More than that are found aspect by aspect."""

MOST_TRIED = 4000
"""How many sets of mistakes of one size are tried for one aspect, the likeliest first. It bounds the time."""

ROUND_TRIP = "state_dict round trip"

BLINDING = frozenset({"random output", "layers in a list", OVERWRITTEN})
"""Defects after which no number can be compared."""

UNSTORED = frozenset({"statistics are no buffers", "statistics are not stored"})

EVALUATED = frozenset({"evaluated", "evaluated with gradients"})

RUNNING = EVALUATED | {"running_mean", "running_var"}
"""Arrays that depend on running statistics, in checks that also have other arrays."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One array of a check.

    Attributes:
        check: the check.
        name: the array's name in the check.
        ndim: the number of dimensions of the input.
        seen: the layer's values.
        expected: the reference's values.
        right: whether they agree.
    """

    check: Check
    name: str
    ndim: int
    seen: Array
    expected: Array
    right: bool

    @property
    def of_running(self) -> bool:
        return (self.check.running and self.check.name != "initial values") or self.name in RUNNING

    @property
    def telling(self) -> bool:
        """Whether a wrong layer cannot give it by chance: its values differ, and it is not one of few outcomes."""
        few = self.check.rounding or self.check.measure is measures.invariances
        return not few and bool(np.ptp(np.nan_to_num(self.seen)) > 0)

    @property
    def aspect(self) -> int:
        """What the array tells about: 0 output, 1 gradients, 2 running mean, 3 other running statistics, 4 evaluation.

        A mistake in one aspect may change later ones too.
        """
        if self.of_running:
            from_them = self.name in EVALUATED or self.check.measure in (measures.evaluation, measures.round_trip)
            if from_them or self.check.measure in (measures.switch, measures.crossed):
                return 4
            return 2 if self.name in ("running_mean", "momentum") else 3
        return int(self.check.name.startswith("gradient") or self.name.startswith("gradient"))


class Search:
    """Compares the layer's numbers with those of the reference with mistakes."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._mistaken: dict[tuple[Mistake, ...], ReferenceNew] = {}
        self._influence: dict[int, Array] = {}
        by_name = {result.check: result for result in report.results}
        found = [cell for check in CHECKS for cell in self._cells(check, by_name[check.name])]
        # First the wrong arrays, which exclude most mistakes, then the quick ones: a gradient takes a pass per value.
        self.cells = sorted(found, key=lambda cell: (cell.right, cell.check.ndim is not None, cell.aspect == 1))

    @property
    def wrong(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.right]

    def on(self, shapes: set[int]) -> Search:
        """The same search on some of the input shapes, by their numbers of dimensions."""
        part = Search(self.report)
        part.cells = [cell for cell in part.cells if cell.ndim in shapes]
        return part

    def limited(self) -> list[Search]:
        """The same search on the input shapes in which something is wrong; empty if these are all shapes."""
        shapes = {cell.ndim for cell in self.wrong}
        return [] if shapes == set(self.report.taken.shapes) else [self.on(shapes)]

    def complete(self) -> tuple[Mistake, ...]:
        """Mistakes that explain everything; empty if none do."""
        suspects = self.suspects()
        if found := self.smallest(suspects):
            return found
        found, complete = self.by_aspect(suspects)
        return found if complete else ()

    def suspects(self) -> list[Mistake]:
        """Mistakes that agree with every right array and change a wrong one, the likeliest first."""
        reference = self.report.subject.reference
        mistakes = known(self.report.subject.scheme, reference)
        found = [mistake for mistake in mistakes if self._influences(mistake) and self._suspect(mistake)]
        fitted = [*self._with_fixed_numbers(), *self._with_another_average()]
        return [*found, *(mistake for mistake in fitted if self._suspect(mistake))]

    def _with_another_average(self) -> list[Mistake]:
        """The mistake that running statistics are a times the old value plus b times the batch's, with numbers a, b."""
        reference, subject = self.report.subject.reference, self.report.subject
        if reference.recipe is None or not any(cell.name == "running_mean" for cell in self.wrong):
            return []
        ndim = next(cell.ndim for cell in self.wrong if cell.name == "running_mean")
        layer, old, own, new = subject.new(ndim), [], [], []
        for x in (measures.draw(ndim, seed) for seed in range(measures.BATCHES)):
            old.append(layer.statistics()["running_mean"])
            own.append(x.mean((0, *range(2, ndim))))
            layer.forward(x, training=True)
            new.append(layer.statistics()["running_mean"])
        terms, moved = np.stack([np.ravel(old), np.ravel(own)], axis=1), np.ravel(new)
        a, b = np.linalg.lstsq(terms, moved, rcond=None)[0]
        momentum, known_as = reference.settings["momentum"], {(1.0, 0.0)}  # never updated
        fits = bool(np.abs(terms @ [a, b] - moved).max() <= LEAST) and (round(a, 6), round(b, 6)) not in known_as
        return [other_average(float(a), float(b), momentum)] if fits else []

    def _with_fixed_numbers(self) -> list[Mistake]:
        """The mistake that y is a y' + b with numbers a and b, for the y' of the reference with a mistake or none."""
        reference = self.report.subject.reference
        telling = {each.check.measure: each for each in self.wrong}
        cell, another = (telling.get(measure) for measure in (measures.training, measures.near_eps))
        if cell is None or another is None or reference.recipe is None:
            return []
        others: list[tuple[Mistake, ...]] = [
            (),
            *((each,) for each in known(self.report.subject.scheme, reference) if self._influences(each)),
        ]
        for several in others:
            value = self._value(cell, several)
            if value.shape != cell.seen.shape or not np.isfinite([value, cell.seen]).all() or np.ptp(value) == 0:
                continue
            slopes = np.stack([value.ravel(), np.ones(value.size)], axis=1)
            factor, addend = np.linalg.lstsq(slopes, cell.seen.ravel(), rcond=None)[0]
            fitted = abs(factor) > LEAST and all(
                self._alike(each, each.seen, factor * self._value(each, several) + addend) for each in (cell, another)
            )
            if fitted and max(abs(factor - 1), abs(addend)) > LEAST:
                return [fixed_numbers(float(factor), float(addend) if abs(addend) > LEAST else 0.0)]
        return []

    def smallest(self, suspects: list[Mistake]) -> tuple[Mistake, ...]:
        """The smallest set of suspects that together give every array, none of them superfluous; empty if none does."""
        wrong = range(len(self.wrong))
        reached = {suspect: {i for i in wrong if self._reaches(self.wrong[i], suspect)} for suspect in suspects}
        for size in range(1, AT_ONCE + 1):
            for several in combinations(suspects, size):
                all_reached = len(set().union(*(reached[mistake] for mistake in several))) == len(wrong)
                if all_reached and self._explain(several):
                    return several
        return ()

    def by_aspect(self, suspects: list[Mistake]) -> tuple[tuple[Mistake, ...], bool]:
        """Mistakes found aspect by aspect: first for the output, then more for the gradients, then for the statistics.

        The second value says whether they explain everything. The search ends at the first aspect that no suspects
        explain; mistakes found before are kept if an array confirms them that cannot be right by chance.
        """
        aspects = {cell.aspect for cell in self.wrong}
        mean_first = self._by(sorted(aspects), suspects)
        if mean_first[1] or 2 not in aspects:
            return mean_first
        return self._by(sorted(aspects - {2}), suspects)

    def _by(self, aspects: list[int], suspects: list[Mistake]) -> tuple[tuple[Mistake, ...], bool]:
        found: tuple[Mistake, ...] = ()
        for aspect in aspects:
            more = self._extended(found, suspects, aspect)
            if more is None:
                told = any(cell.telling and cell.aspect < aspect and not _open(cell, found) for cell in self.wrong)
                return (found, False) if told else ((), False)
            found = more
        return (found, True) if self._explain(found) else ((), False)

    def partial(self, suspects: list[Mistake]) -> tuple[Mistake, ...]:
        """The suspect that explains most arrays, if an unknown mistake is there too; empty if none is certain.

        In the first aspect that it changes, it has to give every array that it changes; in later aspects the unknown
        mistake may have changed the values.
        """
        counts = {mistake: self._explained(mistake) for mistake in suspects}
        best = max(suspects, key=lambda mistake: counts[mistake], default=None)
        return (best,) if best and counts[best] else ()

    def _cells(self, check: Check, result: Result) -> Iterable[Cell]:
        """The arrays of a check that can be compared and do not follow from a defect."""
        defects = set(self.report.defects)
        if result.status not in (PASS, FAIL) or (check.rounding and not check.offset) or defects & BLINDING:
            return
        if check.name == ROUND_TRIP and defects & (UNSTORED | {"weight is no parameter", "bias is no parameter"}):
            return
        for name, expected in result.expected.items():
            if name not in result.seen or (check.name == "initial values" and f"{name} is uninitialised" in defects):
                continue
            assert result.tolerance is not None
            seen = result.seen[name]
            right = errors({name: seen}, {name: expected})[1] <= result.tolerance
            cell = Cell(check, name, check.ndim or self.report.taken.shapes[0], seen, expected, right)
            if not (cell.of_running and "no statistics" in defects):
                yield cell

    def _influences(self, mistake: Mistake) -> bool:
        """Whether a mistake in the axes of the statistics lets the same values of x influence y as in the layer."""
        if not is_of_axes(mistake):
            return True
        ndim, subject = max(cell.ndim for cell in self.wrong), self.report.subject
        if ndim not in self._influence:
            self._influence[ndim] = measures.influence(subject.new, ndim)["y"]
        mistaken = measures.influence(ReferenceNew(subject.reference.by(**mistake.change)), ndim)["y"]
        return np.array_equal(self._influence[ndim], mistaken)

    def _suspect(self, mistake: Mistake) -> bool:
        one = (mistake,)
        if not all(_open(cell, one) or self._gives(cell, one) for cell in self.cells if cell.right):
            return False
        return any(self._changes(cell, mistake) for cell in self.wrong)

    def _reaches(self, cell: Cell, mistake: Mistake) -> bool:
        return _open(cell, (mistake,)) or self._changes(cell, mistake)

    def _extended(self, found: tuple[Mistake, ...], suspects: list[Mistake], aspect: int) -> tuple[Mistake, ...] | None:
        """The mistakes found so far, with the fewest suspects added that explain all arrays up to an aspect."""
        cells = [cell for cell in self.cells if cell.aspect <= aspect]
        wrong = [cell for cell in self.wrong if cell.aspect == aspect]
        others = [
            suspect
            for suspect in suspects
            if suspect not in found and any(self._changes(cell, suspect) for cell in wrong)
        ]
        for size in range((AT_ONCE if aspect else IN_OUTPUT) + 1):
            for more in islice(combinations(others, size), MOST_TRIED):
                several = tuple(suspect for suspect in suspects if suspect in found + more)
                if not _compatible(several) or not all(_open(c, several) or self._gives(c, several) for c in cells):
                    continue
                if all(self._needed(mistake, several) for mistake in more):
                    return several
        return None

    def _explain(self, several: tuple[Mistake, ...]) -> bool:
        if not _compatible(several) or not all(_open(c, several) or self._gives(c, several) for c in self.cells):
            return False
        return all(self._needed(mistake, several) for mistake in several)

    def _needed(self, mistake: Mistake, several: tuple[Mistake, ...]) -> bool:
        """Whether a wrong array is explained by the mistakes together, but not without this one."""
        others = tuple(other for other in several if other is not mistake)
        given = (cell for cell in self.wrong if not _open(cell, several) and self._gives(cell, several))
        return any(not self._gives(cell, others) for cell in given)

    def _explained(self, mistake: Mistake) -> int:
        if not (changed := [cell for cell in self.wrong if self._changes(cell, mistake)]):
            return 0
        first = min(cell.aspect for cell in changed)
        given = [cell for cell in changed if self._gives(cell, (mistake,))]
        certain = all(cell in given for cell in changed if cell.aspect == first)
        return len(given) if certain and any(cell.telling and cell.aspect == first for cell in given) else 0

    def _changes(self, cell: Cell, mistake: Mistake) -> bool:
        """Whether the reference with the mistake gives other values for the array than the reference alone."""
        if _open(cell, (mistake,)):
            return False
        return not self._alike(cell, cell.expected, self._value(cell, (mistake,)))

    def _gives(self, cell: Cell, mistakes: tuple[Mistake, ...]) -> bool:
        """Whether the reference with these mistakes gives the layer's numbers."""
        if not mistakes:
            return cell.right
        value = self._value(cell, mistakes)
        if cell.check.rounding:  # cancelled digits differ even between layers with the same mistake
            return (errors({"": value}, {"": cell.expected})[1] <= cell.check.tolerance) == cell.right
        return self._alike(cell, cell.seen, value)

    def _alike(self, cell: Cell, seen: Array, value: Array) -> bool:
        tolerance = max(cell.check.tolerance, 100 * self.report.exact)
        if seen.shape != value.shape:
            return False
        largest = np.abs(value[np.isfinite(value)]).max(initial=1e-3)
        with np.errstate(invalid="ignore"):
            near = np.abs(seen - value) <= tolerance * largest
        return bool(near.all() or (near | (seen == value) | (np.isnan(seen) & np.isnan(value))).all())

    def _value(self, cell: Cell, mistakes: tuple[Mistake, ...]) -> Array:
        """The values that the reference with these mistakes gives for an array."""
        if mistakes not in self._mistaken:
            change = {name: value for mistake in mistakes for name, value in mistake.change.items()}
            self._mistaken[mistakes] = ReferenceNew(self.report.subject.reference.by(**change))
        with np.errstate(all="ignore"):
            return measures.array(cell.check.measure, cell.name, self._mistaken[mistakes], cell.ndim)


def _open(cell: Cell, mistakes: tuple[Mistake, ...]) -> bool:
    """Whether one of the mistakes leaves the array's values undetermined; see `Mistake.leaves_open`."""
    return any(
        bool({cell.check.name, cell.name} & mistake.leaves_open) or (cell.of_running and mistake.leaves_running_open)
        for mistake in mistakes
    )


def _compatible(mistakes: tuple[Mistake, ...]) -> bool:
    """Whether no two of the mistakes change the same choice."""
    return sum(len(mistake.change) for mistake in mistakes) == len({key for m in mistakes for key in m.change})
