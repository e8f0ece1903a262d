"""Sentences about pairs of arms: one for each pair if they are few, else one for all pairs of a kind."""

import math
from collections.abc import Mapping, Sequence

from bnlab.report.comparison import LEVEL, Pair, Unit, listed, plural
from bnlab.report.verdicts.verdict import Kind, Verdict
from bnlab.stats import MOST_SEEDS, Contrast, Interval

FEW = 3
"""Up to this many pairs of a kind get a sentence each; of more, this many are named in one sentence."""


class PairVerdicts:
    """Makes the sentences about pairs.

    Args:
        names: short names by arm.
        of: the unit of the metric.
        margin: differences within +- margin, in the metric's own unit, count as practically equal; None: equality is
            not tested.
        unlike: by arm, its data, protocol and versions where they differ between arms, from `comparison.unlike`.
    """

    def __init__(self, names: dict[str, str], of: Unit, margin: float | None, unlike: Mapping[str, str]) -> None:
        self._names, self._of, self._margin, self._unlike = names, of, margin, unlike

    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """The verdicts on the pairs that the lead has not settled: findings first, pairs with too few seeds last."""
        rest = [pair for pair in pairs if not pair.settled]
        every = f"{len(rest)} {'other ' * (len(rest) < len(pairs))}pairs"
        real = [pair for pair in rest if pair.real]
        equal = [pair for pair in rest if not pair.real and self.is_equal(pair)]
        undecided = [pair for pair in rest if not pair.real and not self.is_equal(pair)]
        unseen = [pair for pair in undecided if not pair.hopeless]
        hopeless = [pair for pair in undecided if pair.hopeless]
        found = self._failures(pairs)
        for kind, those, one, many in (
            (Kind.DIFFERENT, real, self._real, self._many_real),
            (Kind.EQUAL, equal, self._equal, self._many_equal),
            (Kind.UNSEEN, unseen, self._unseen, self._many_unseen),
            (Kind.TOO_FEW, hopeless, self._hopeless, self._many_hopeless),
        ):
            if len(those) <= FEW:
                found += [_verdict(kind, one(pair), [pair]) for pair in those]
            else:
                found.append(_verdict(kind, many(those, every), those))
        return found

    def is_equal(self, pair: Pair) -> bool:
        """Whether it is established that the difference is within the margin of this object."""
        return pair.is_equal(self._margin)

    def equality(self, pair: Pair) -> str:
        """The evidence that the two arms are practically equal, as part of a sentence."""
        p = pair.equality_p(self._margin or 0)
        return f"{self.within()}{p_phrase(p, 'two one-sided tests, corrected p', ' (')})"

    def size(self, found: Contrast, interval: Interval | None = None) -> str:
        """The size of the difference without its sign: "0.30 points [0.21, 0.39]"."""
        mean = found.difference
        if interval is None:
            return self._of.gap_text(abs(mean))
        low, high = interval
        ends = (low, high) if mean > 0 else (-high, -low)
        return f"{self._of.gap_text(abs(mean))}{self._of.interval(*ends)}"

    def is_nothing(self, found: Contrast) -> bool:
        """Whether the difference is rounded to 0."""
        return self._of.number(abs(found.difference)) == self._of.number(0)

    def within(self) -> str:
        """As in "within 0.10 points": the margin as part of a sentence."""
        return f"within {self._of.gap_text(self._margin or 0)}"

    def unlike(self, first: str, second: str) -> str:
        """The end of a sentence about arms whose data, protocol or versions differ; empty if they do not."""
        one, other = (self._unlike.get(arm, "") for arm in (first, second))
        return "" if one == other else f"; not like with like: {one} against {other}"

    def _failures(self, pairs: Sequence[Pair]) -> list[Verdict]:
        found = [pair for pair in pairs if pair.fails_more]
        said = [self._fails_more(pair) for pair in found]
        if len(said) <= FEW:
            return [
                _verdict(
                    Kind.FAILURES, f"{text} (Fisher's exact test, corrected p {p_word(_failures_p([pair]))})", [pair]
                )
                for pair, text in zip(found, said, strict=True)
            ]
        p = p_word(_failures_p(found), "≤")
        what = f"{len(said)} pairs differ in failures (Fisher's exact test, corrected p {p}): {listed(said, FEW)}"
        return [_verdict(Kind.FAILURES, what, found)]

    def _fails_more(self, pair: Pair) -> str:
        first, second = pair.failures
        more, less = (pair.first, pair.second), (first, second)
        if first[0] * second[1] < second[0] * first[1]:
            more, less = (pair.second, pair.first), (second, first)
        (a, n), (b, k) = less
        arms = f"{self._names[more[0]]} diverges more often than {self._names[more[1]]}"
        return f"{arms}, {a} of {n} against {b} of {k} seeds"

    def _real(self, pair: Pair) -> str:
        yet = f", yet practically equal: {self.equality(pair)}" if self.is_equal(pair) else ""
        said = f"{self._beats(pair)} {_evidence([pair])}{self._over_images(pair)}"
        return f"{said}{yet}{self.unlike(pair.first, pair.second)}"

    def _over_images(self, pair: Pair) -> str:
        """The part of a sentence about the same difference over seeds and images; empty if that is unknown."""
        if math.isnan(pair.images_p):
            return ""
        low, high = pair.images_interval
        ends = self._of.interval(*((low, high) if pair.contrast.difference > 0 else (-high, -low)))
        return f"; over seeds and images{established(pair.images_p)}{ends}{p_phrase(pair.images_p, 'corrected p')}"

    def _many_real(self, pairs: Sequence[Pair], every: str) -> str:
        equal = sum(self.is_equal(pair) for pair in pairs)
        yet = f"; yet {equal} of them practically equal: {self.within()}" if equal else ""
        what = listed([self._beats(pair) for pair in pairs], FEW)
        unlike = sum(bool(self.unlike(pair.first, pair.second)) for pair in pairs)
        also = f"; {unlike} of them not like with like" if unlike else ""
        over = f"; {sum(pair.images_p <= LEVEL for pair in pairs)} of them established over seeds and images too"
        over = "" if all(math.isnan(pair.images_p) for pair in pairs) else over
        return f"{len(pairs)} of {every} differ {_evidence(pairs)}: {what}{over}{yet}{also}"

    def _equal(self, pair: Pair) -> str:
        said = (
            f"{self._both(pair)}: practically equal, {self.equality(pair)}: {self._gap(pair)} ({how([pair.contrast])})"
        )
        return said + self.unlike(pair.first, pair.second)

    def _many_equal(self, pairs: Sequence[Pair], every: str) -> str:
        what = listed([self._both(pair) for pair in pairs], FEW)
        p = p_word(max(pair.equality_p(self._margin or 0) for pair in pairs), "≤")
        design = how([pair.contrast for pair in pairs])
        evidence = f"({design}, two one-sided tests, corrected p {p})"
        return f"practically equal, {self.within()}: {len(pairs)} of {every}: {what} {evidence}"

    def _unseen(self, pair: Pair) -> str:
        return f"{self._both(pair)}: no difference seen: {self._signed(pair)}{self._power(pair)}"

    def _many_unseen(self, pairs: Sequence[Pair], every: str) -> str:
        what = listed([self._both(pair) for pair in pairs], FEW)
        said = f"no difference seen in {len(pairs)} of {every}: {what} {_evidence(pairs)}"
        gaps = {pair: pair.contrast.visible_gap(pair.level) for pair in pairs if not pair.contrast.by_ranks}
        gaps = {pair: gap for pair, gap in gaps.items() if not math.isnan(gap)}
        if not gaps:
            return said
        half = [pair.contrast.power(gap / 2, pair.level) for pair, gap in gaps.items()]
        seen = f"true gaps of {self._range(list(gaps.values()))} would be found 4 times in 5"
        return f"{said}; {seen}, ones half as large {chance(half)}{self._plan(pairs, self._margin)}"

    def _hopeless(self, pair: Pair) -> str:
        return f"{self._both(pair)}: too few seeds: {_at_least([pair])}{self._difference(pair)}"

    def _many_hopeless(self, pairs: Sequence[Pair], every: str) -> str:
        largest = sorted(
            (pair for pair in pairs if not pair.contrast.by_ranks), key=lambda pair: -abs(pair.contrast.difference)
        )
        what = listed([f"{self._both(pair)}: {self._gap(pair)}" for pair in largest], FEW)
        gaps = f"; largest gaps: {what}" if largest else ""
        return f"too few seeds for {len(pairs)} of {every}: {_at_least(pairs)}{gaps}"

    def _difference(self, pair: Pair) -> str:
        design = how([pair.contrast])
        return f" ({design})" if pair.contrast.by_ranks else f"; {self._gap(pair)} ({design})"

    def _power(self, pair: Pair) -> str:
        gap = pair.contrast.visible_gap(pair.level)
        if math.isnan(gap):
            if pair.contrast.by_ranks:
                return ""
            what = "the same difference in each of these" if pair.contrast.paired else "no spread in these"
            return f"; {what} {_seeds([pair.contrast])}"
        half = chance([pair.contrast.power(gap / 2, pair.level)])
        found = f"a true gap of {self._of.gap_text(gap)} would be found 4 times in 5"
        return f"; {found}, one of {self._of.number(gap / 2)} {half}{self._plan([pair], self._margin or gap / 2)}"

    def _plan(self, pairs: Sequence[Pair], gap: float | None) -> str:
        """The number of seeds that would find the gap in all pairs or, with a margin, show equality within it."""
        if gap is None:
            return ""
        equality = self._margin is not None
        counts = [
            pair.contrast.seeds_for(gap, pair.level, equality=equality) for pair in pairs if not pair.contrast.by_ranks
        ]
        known = [count for count in counts if count is not None]
        aim = f"show equality {self.within()}" if equality else f"find {self._of.number(gap)}"
        if len(known) < len(counts):
            return f"; over {MOST_SEEDS} seeds would be needed to {aim}"
        return f"; to {aim} plan {max(known)} seeds, a number to fix before looking" if known else ""

    def _beats(self, pair: Pair) -> str:
        first, second = self._names[pair.first], self._names[pair.second]
        if pair.contrast.by_ranks:
            better = (pair.contrast.superiority > 0.5) == self._of.higher
            return f"{first} does {'better' if better else 'worse'} than {second}, diverged seeds ranked last"
        verb = "beats" if (pair.contrast.difference > 0) == self._of.higher else "falls behind"
        return f"{first} {verb} {second} by {self.size(pair.contrast, pair.interval)}"

    def _both(self, pair: Pair) -> str:
        return f"{self._names[pair.first]} and {self._names[pair.second]}"

    def _signed(self, pair: Pair) -> str:
        if pair.contrast.by_ranks:
            return f"diverged seeds ranked last {_evidence([pair])}"
        return f"{self._gap(pair)} {_evidence([pair])}"

    def _gap(self, pair: Pair) -> str:
        return f"{self._of.number(pair.contrast.difference, '+')} {self._of.gap}{self._of.interval(*pair.interval)}"

    def _range(self, gaps: Sequence[float]) -> str:
        low, high = self._of.number(min(gaps)), self._of.number(max(gaps))
        return f"{low if low == high else f'{low} to {high}'} {self._of.gap}"


def _verdict(kind: Kind, sentence: str, pairs: Sequence[Pair]) -> Verdict:
    arms = dict.fromkeys(arm for pair in pairs for arm in (pair.first, pair.second))
    return Verdict(kind, sentence, tuple(arms), tuple(pairs))


def how(found: Sequence[Contrast]) -> str:
    """The design of comparisons in words: "paired, 8 seeds"."""
    kinds = dict.fromkeys(("paired" if one.paired else "not paired") + ", ranks" * one.by_ranks for one in found)
    return f"{' and '.join(kinds)}, {_seeds(found)}"


def p_word(p: float, relation: str = "=") -> str:
    """A p value with its sign: "= .016" with three decimals, "< .001" or "unknown"."""
    if math.isnan(p):
        return "unknown"
    return "< .001" if p < 0.001 else f"{relation} 1" if p >= 0.9995 else f"{relation} {p:.3f}".replace("0.", ".")


def p_phrase(p: float, name: str, before: str = ", ", relation: str = "=") -> str:
    """A p value with its name, after `before`; empty for NaN, and for a p of 1, which says nothing."""
    return "" if math.isnan(p) or p >= 0.9995 else f"{before}{name} {p_word(p, relation)}"


def chance(powers: Sequence[float]) -> str:
    """The smallest of these probabilities in words: "about 3 times in 10"."""
    tenths = round(10 * min(powers))
    return "hardly ever" if not tenths else f"about {plural_times(tenths)} in 10"


def established(p: float) -> str:
    """The words "it is not established" for a difference over seeds and images with p above the level; else empty."""
    return "" if p <= LEVEL else " it is not established"


def plural_times(count: int) -> str:
    """A number of times in words: "once" or "3 times"."""
    return "once" if count == 1 else f"{count} times"


def _evidence(pairs: Sequence[Pair]) -> str:
    """The design and the largest p of these pairs, in parentheses."""
    name = "corrected p" if pairs[0].family > 1 else "p"
    p = p_phrase(max(pair.p for pair in pairs), name, relation="=" if len(pairs) == 1 else "≤")
    return f"({how([pair.contrast for pair in pairs])}{p})"


def _failures_p(pairs: Sequence[Pair]) -> float:
    return max(pair.failures_p for pair in pairs)


def _at_least(pairs: Sequence[Pair]) -> str:
    needed = [pair.contrast.seeds_at_least(pair.level) for pair in pairs]
    counts = [count for count in needed if count is not None]
    if len(counts) < len(needed):
        return f"no number of them can pass a level of {min(pair.level for pair in pairs):.1g}; compare fewer arms"
    low, high = min(counts), max(counts)
    common = "in common" if all(pair.contrast.paired for pair in pairs) else "in each arm"
    return f"at least {low if low == high else f'{low} to {high}'} {common} needed"


def _seeds(found: Sequence[Contrast]) -> str:
    """The numbers of seeds in words: "8 seeds", "4 and 5 seeds" or "3 to 8 seeds"."""
    counts = sorted({n for contrast in found for n in contrast.ns})
    words = " and ".join(map(str, counts)) if len(counts) < 3 else f"{counts[0]} to {counts[-1]}"
    return f"{words} {plural(counts[-1], 'seed')}"
