"""How often a report says something false, or covers the truth, over many simulated ones.

`python -m tests.benchmarks.error_rates` prints the long table of docs/statistics.md; test_error_rates.py keeps a short
one. Values are in standard deviations of a seed. Seeds share .3 of their variance over all arms, as trained ones do;
noise is normal, or as skewed to the left (-1) as accuracies near their ceiling are.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnlab.report.comparison import compare
from bnlab.report.comparison.contrasts import LEVEL, Lead, Pair, Values, hold
from bnlab.stats import Contrast

Array = NDArray[np.float64]
SHARED = 0.3
MARGIN = 1.0
WORST = -0.7
"""Below it a seed diverges: about a quarter of them."""


class Report(NamedTuple):
    """What one simulated report is about: the arms' values, and the truth."""

    values: Values
    truth: dict[str, float]
    failing: dict[str, float]


Scenario = Callable[[np.random.Generator, int, bool], Report]


class Rates(NamedTuple):
    """Shares of reports: a false word of any kind, all intervals of pairs covering, one of them, a pair found."""

    false: float
    together: float
    single: float
    found: float


def noise(generator: np.random.Generator, arms: int, n: int, skewed: bool) -> Array:
    """Of every arm and seed, with mean 0 and sd 1."""

    def draw(*shape: int) -> Array:
        return 2 - generator.gamma(4, 0.5, shape) if skewed else generator.normal(size=shape)

    values: Array = np.sqrt(SHARED) * draw(1, n) + np.sqrt(1 - SHARED) * draw(arms, n)
    return values


def report(values: Array, means: list[float] | None = None, seeds: list[range] | None = None) -> Report:
    """Arms in the order of their means, as a report has them; those that failed last."""
    truth = {f"a{i}": mean for i, mean in enumerate(means or [0.0] * len(values))}
    own = {
        f"a{i}": pd.Series(row[: len(seeds[i])] if seeds else row, index=list(seeds[i]) if seeds else range(len(row)))
        for i, row in enumerate(values)
    }
    arms = sorted(own, key=lambda arm: (int(np.isinf(own[arm]).sum()), -own[arm].replace(-np.inf, 0).mean()))
    return Report({arm: own[arm] for arm in arms}, truth, dict.fromkeys(truth, 0.0))


def equal(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    return report(noise(generator, 6, n, skewed))


def two_on_top(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    means = [9.0, 9.0, 0.0, 0.0, 0.0, 0.0]
    return report(noise(generator, 6, n, skewed) + np.array(means)[:, None], means)


def unequal_spreads(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    return report(noise(generator, 6, n, skewed) * np.array([3, 3, 1, 1, 1, 1])[:, None])


def unequal_seeds(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """Fewer seeds, partly others, none in common; the arm with few seeds has three times the spread."""
    few = max(2, n // 2)
    seeds = [range(n), range(n - 1), range(1, n), range(few, few + n), range(2 * n, 3 * n), range(3 * n, 3 * n + few)]
    wide = noise(generator, 6, 4 * n, skewed) * np.array([1, 1, 1, 1, 1, 3])[:, None]
    return report(np.stack([np.resize(row[list(own)], n) for row, own in zip(wide, seeds, strict=True)]), None, seeds)


def failures(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """The worst quarter of what can happen diverges, in every arm alike."""
    values = noise(generator, 6, n, skewed)
    return report(np.where(values < WORST, -np.inf, values))


def worst_fail(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """Equal arms, but in the first one the worst quarter of the seeds diverges: its survivors look better."""
    values = noise(generator, 6, n, skewed)
    values[0, np.argsort(values[0])[: max(1, n // 4)]] = -np.inf
    made = report(values)
    return made._replace(truth=made.truth | {"a0": -0.01}, failing=made.failing | {"a0": 1.0})


def pooled(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """Every seed is the mean of four settings, which share a third of their variance."""
    each = [noise(generator, 6, n, skewed) for _ in range(4)]
    return report(0.58 * noise(generator, 6, n, skewed) + 0.82 * np.mean(each, axis=0))


def advice_followed(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """Equal arms with as many seeds as a report on the first n of them says to plan, at most 120."""
    values = noise(generator, 6, 120, skewed)
    pairs, _ = hold(report(values[:, :n]).values, "a0")
    planned = [pair.contrast.seeds_for(pair.contrast.visible_gap(pair.level) / 2, pair.level) for pair in pairs]
    return report(values[:, : max(n, *(count or 120 for count in planned))])


def gap(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """Two arms, the first ahead by 2 standard deviations: .3 points at an sd of .15."""
    return report(noise(generator, 2, n, skewed) + np.array([[2.0], [0.0]]), [2.0, 0.0])


def margin(generator: np.random.Generator, n: int, skewed: bool) -> Report:
    """Every arm apart from the first by just the margin."""
    means = [0.0, *[MARGIN] * 5]
    return report(noise(generator, 6, n, skewed) * 0.3 + np.array(means)[:, None], means)


SCENARIOS: dict[str, Scenario] = {
    "equal arms": equal,
    "two equal on top": two_on_top,
    "spreads 3 : 1": unequal_spreads,
    "unequal seeds": unequal_seeds,
    "25 % diverge": failures,
    "the worst of one arm diverge": worst_fail,
    "pooled settings": pooled,
    "the seeds that a report plans": advice_followed,
    "gaps as large as the margin": margin,
}


def rates(
    scenario: Scenario,
    n: int,
    *,
    baseline: bool,
    skewed: bool,
    reports: int,
    margin: float | None = None,
) -> Rates:
    """Of so many reports; with a baseline it is the first arm, named before looking."""
    generator = np.random.default_rng(0)
    false = together = found = 0
    singles: list[bool] = []
    for _ in range(reports):
        made = scenario(generator, n, skewed)
        pairs, lead = hold(made.values, "a0" if baseline else None)
        false += any(false_words(made, pairs, lead, margin))
        covers = [
            low <= made.truth[pair.first] - made.truth[pair.second] <= high
            for pair in pairs
            for low, high in [pair.interval]
            if low == low
        ]
        together += all(covers)
        singles += [
            low <= made.truth[pair.first] - made.truth[pair.second] <= high
            for pair in pairs
            if {pair.first, pair.second} == {"a0", "a1"}
            for low, high in [pair.contrast.interval(0.05)]
            if low == low
        ]
        found += any(pair.real for pair in pairs)
    return Rates(false / reports, together / reports, float(np.mean(singles)) if singles else np.nan, found / reports)


def covered_without_failures(n: int, pairs: int) -> float:
    """Where seeds diverge, of the pairs in which none did: the share of intervals that hold, each alone.

    Two equal arms of `failures` are drawn until so many pairs are whole.
    """
    generator, covers = np.random.default_rng(0), list[bool]()
    while len(covers) < pairs:
        first, second = noise(generator, 2, n, skewed=True)
        if min(first.min(), second.min()) >= WORST:
            low, high = Contrast(tuple(first), tuple(second), paired=True).interval(LEVEL)
            covers.append(low <= 0 <= high)
    return float(np.mean(covers))


def stopped_early(studies: int, planned: int | None, looks: Sequence[int]) -> float:
    """The share of studies of two equal arms in which any report, one at each of these numbers of seeds, is false."""
    generator, false = np.random.default_rng(0), 0
    for _ in range(studies):
        rows = [
            {"run": arm, "norm.name": arm, "seed": seed, "state": "done", "error": "", "folder": "", "test_loss": value}
            for arm, own in zip("ab", noise(generator, 2, max(looks), skewed=True), strict=True)
            for seed, value in enumerate(own)
        ]
        frame = pd.DataFrame(rows)
        reports = (compare(frame[frame["seed"] < n], ["norm.name"], "test_loss", None, planned=planned) for n in looks)
        false += any(pair.real for made in reports for pair in made.pairs)
    return false / studies


def false_words(made: Report, pairs: list[Pair], lead: Lead | None, margin: float | None) -> Iterator[bool]:
    """Every claim of a report: whether it is false."""
    if lead and lead.real:
        truth = made.truth
        yield any(truth[arm] >= truth[lead.first] for arm in made.values if arm != lead.first)
    for pair in pairs:
        ahead = pair.contrast.superiority > 0.5 if pair.contrast.by_ranks else pair.contrast.difference > 0
        true = made.truth[pair.first] - made.truth[pair.second]
        if pair.real:
            yield true <= 0 if ahead else true >= 0
        if pair.fails_more:
            yield made.failing[pair.first] == made.failing[pair.second]
        if margin and pair.is_equal(margin):
            yield abs(true) >= margin
