"""What is said of the pairs of arms: a sentence each while they are few, else one for all of a kind."""

import math
from collections.abc import Sequence

from bnlab.report.comparison import Pair, Unit, listed, plural
from bnlab.stats import MOST_SEEDS, Contrast

FEW = 3
"""So many pairs of a kind get a sentence each, and so many are named of more."""


class PairVerdicts:
    """Sentences about pairs.

    Args:
        names: of the arms, for people.
        of: the unit of the metric.
        margin: differences within +- margin count as practically equal; None: that is not asked.
    """

    def __init__(self, names: dict[str, str], of: Unit, margin: float | None) -> None:
        self._names, self._of, self._margin = names, of, margin

    def sentences(self, pairs: Sequence[Pair]) -> list[str]:
        """Of all pairs that the lead has not settled: what was found first, what could not be last."""
        rest = [pair for pair in pairs if not pair.settled]
        every = f"{len(rest)} {'other ' * (len(rest) < len(pairs))}pairs"
        real = [pair for pair in rest if pair.real]
        equal = [pair for pair in rest if not pair.real and self.is_equal(pair.contrast)]
        undecided = [pair for pair in rest if not pair.real and not self.is_equal(pair.contrast)]
        unseen = [pair for pair in undecided if not pair.hopeless]
        hopeless = [pair for pair in undecided if pair.hopeless]
        lines: list[str] = []
        for kind, one, many in (
            (real, self._real, self._many_real),
            (equal, self._equal, self._many_equal),
            (unseen, self._unseen, self._many_unseen),
            (hopeless, self._hopeless, self._many_hopeless),
        ):
            lines += [one(pair) for pair in kind] if len(kind) <= FEW else [many(kind, every)]
        return lines

    def is_equal(self, found: Contrast) -> bool:
        """Whether the whole interval of the difference lies within the margin."""
        low, high = found.difference.interval
        return self._margin is not None and -self._margin <= low and high <= self._margin

    def size(self, found: Contrast) -> str:
        """How large the difference is, without its sign: "0.30 points [0.21, 0.39]"."""
        (low, high), mean = found.difference.interval, found.difference.mean
        ends = (low, high) if mean > 0 else (-high, -low)
        return f"{self._of.gap_text(abs(mean))}{self._of.interval(*ends)}"

    def within(self) -> str:
        return f"within {self._of.gap_text(self._margin or 0)}"

    def _real(self, pair: Pair) -> str:
        yet = f", yet practically equal: {self.within()}" if self.is_equal(pair.contrast) else ""
        return f"{self._beats(pair)} {_evidence([pair])}{yet}"

    def _many_real(self, pairs: Sequence[Pair], every: str) -> str:
        equal = sum(self.is_equal(pair.contrast) for pair in pairs)
        yet = f"; yet {equal} of them practically equal: {self.within()}" if equal else ""
        what = listed([self._beats(pair) for pair in pairs], FEW)
        return f"{len(pairs)} of {every} differ {_evidence(pairs)}: {what}{yet}"

    def _equal(self, pair: Pair) -> str:
        return f"{self._both(pair)}: practically equal, {self.within()}: {self._signed(pair)}"

    def _many_equal(self, pairs: Sequence[Pair], every: str) -> str:
        what = listed([self._both(pair) for pair in pairs], FEW)
        return f"practically equal, {self.within()}: {len(pairs)} of {every}: {what} {_evidence(pairs)}"

    def _unseen(self, pair: Pair) -> str:
        return f"{self._both(pair)}: no difference seen: {self._signed(pair)}; {self._power(pair)}"

    def _many_unseen(self, pairs: Sequence[Pair], every: str) -> str:
        gaps = self._range([pair.contrast.visible_gap(pair.level) for pair in pairs])
        what = listed([self._both(pair) for pair in pairs], FEW)
        said = f"no difference seen in {len(pairs)} of {every}: {what} {_evidence(pairs)}"
        return f"{said}; a gap under {gaps} would have gone unseen{self._settle(pairs, self._margin)}"

    def _hopeless(self, pair: Pair) -> str:
        return f"{self._both(pair)}: too few seeds: {_at_least([pair])}; {self._signed(pair)}"

    def _many_hopeless(self, pairs: Sequence[Pair], every: str) -> str:
        largest = sorted(pairs, key=lambda pair: -abs(pair.contrast.difference.mean))
        what = listed([f"{self._both(pair)}: {self._gap(pair)}" for pair in largest], FEW)
        return f"too few seeds for {len(pairs)} of {every}: {_at_least(pairs)}; largest gaps: {what}"

    def _power(self, pair: Pair) -> str:
        gap, seeds = pair.contrast.visible_gap(pair.level), _seeds([pair.contrast])
        if gap == 0:
            return f"without any spread between the {seeds}"
        settle = self._settle([pair], self._margin or gap / 2)
        return f"with {seeds} a gap under {self._of.gap_text(gap)} would have gone unseen{settle}"

    def _settle(self, pairs: Sequence[Pair], gap: float | None) -> str:
        """How many more seeds find that gap in all pairs."""
        if gap is None:
            return ""
        more = [pair.contrast.more_seeds(gap, pair.level) for pair in pairs]
        known = [count for count in more if count is not None]
        if len(known) < len(more):
            return f"; over {MOST_SEEDS} seeds would be needed to settle {self._of.number(gap)}"
        most = max(known)
        return f"; {most} more {plural(most, 'seed')} would settle {self._of.number(gap)}" if most else ""

    def _beats(self, pair: Pair) -> str:
        verb = "beats" if (pair.contrast.difference.mean > 0) == self._of.higher else "falls behind"
        return f"{self._names[pair.first]} {verb} {self._names[pair.second]} by {self.size(pair.contrast)}"

    def _both(self, pair: Pair) -> str:
        return f"{self._names[pair.first]} and {self._names[pair.second]}"

    def _signed(self, pair: Pair) -> str:
        return f"{self._gap(pair)} {_evidence([pair])}"

    def _gap(self, pair: Pair) -> str:
        interval, mean = pair.contrast.difference.interval, pair.contrast.difference.mean
        return f"{self._of.number(mean, '+')} {self._of.gap}{self._of.interval(*interval)}"

    def _range(self, gaps: Sequence[float]) -> str:
        low, high = self._of.number(min(gaps)), self._of.number(max(gaps))
        return f"{low if low == high else f'{low} to {high}'} {self._of.gap}"


def how(found: Sequence[Contrast]) -> str:
    """The design of comparisons: "paired, 8 seeds"."""
    kinds = dict.fromkeys("paired" if contrast.paired else "not paired" for contrast in found)
    return f"{' and '.join(kinds)}, {_seeds(found)}"


def p_word(p: float, relation: str = "=") -> str:
    """A p value with its sign: "= .016" with three decimals, "< .001" or "unknown"."""
    if math.isnan(p):
        return "unknown"
    return "< .001" if p < 0.001 else f"{relation} 1" if p >= 0.9995 else f"{relation} {p:.3f}".replace("0.", ".")


def _evidence(pairs: Sequence[Pair]) -> str:
    """The design, and the largest p."""
    p = p_word(max(pair.p for pair in pairs), "=" if len(pairs) == 1 else "≤")
    return f"({how([pair.contrast for pair in pairs])}, Holm p {p})"


def _at_least(pairs: Sequence[Pair]) -> str:
    needed = [pair.contrast.seeds_at_least(pair.level) for pair in pairs]
    counts = [count for count in needed if count is not None]
    if len(counts) < len(needed):
        return f"no number of them can pass a level of {min(pair.level for pair in pairs):.1g}; compare fewer arms"
    low, high = min(counts), max(counts)
    return f"at least {low if low == high else f'{low} to {high}'} needed"


def _seeds(found: Sequence[Contrast]) -> str:
    """As in "8 seeds", "4 and 5 seeds" or "3 to 8 seeds"."""
    counts = sorted({n for contrast in found for n in contrast.ns})
    words = " and ".join(map(str, counts)) if len(counts) < 3 else f"{counts[0]} to {counts[-1]}"
    return f"{words} {plural(counts[-1], 'seed')}"
