"""What the comparison says, in sentences."""

import math

import pandas as pd

from bnlab.report.compare import Comparison
from bnlab.report.contrasts import LEVEL, MOST_PAIRED_ARMS, Lead, Pair
from bnlab.report.names import short_names
from bnlab.report.units import Unit, unit
from bnlab.stats import MOST_SEEDS, Contrast


def verdicts(comparison: Comparison, margin: float | None = None) -> list[str]:
    """One sentence each: the best arm, the arms that diverged, and every comparison.

    Args:
        comparison: from `compare`.
        margin: differences within +- margin count as practically equal, in the metric's own unit.
    """
    names = short_names(comparison)
    of = unit(comparison.metric)
    lines = [_lead(comparison.lead, comparison.summary, names, of)] if comparison.lead else []
    lines += _diverged(comparison.summary, names)
    lines += [_pair(pair, names, of, margin) for pair in comparison.pairs]
    return lines + (_without_comparison(comparison) or _fewer_comparisons(comparison))


def _lead(lead: Lead, summary: pd.DataFrame, names: dict[str, str], of: Unit) -> str:
    best = summary.loc[summary["arm"] == lead.first].iloc[0]
    mean = f"{of.number(best['mean'])} {of.value}{of.interval(best['low'], best['high'])}"
    found = lead.contrast
    gap = f"{of.gap_text(abs(found.difference.mean))} ({_how(found)}, p {_p(found.p)})"
    if lead.real:
        return f"best: {names[lead.first]}, {mean}; ahead of every other arm, of {names[lead.second]} by {gap}"
    return f"best mean: {names[lead.first]}, {mean}; its lead over {names[lead.second]} is not established: {gap}"


def _pair(pair: Pair, names: dict[str, str], of: Unit, margin: float | None) -> str:
    first, second, found = names[pair.first], names[pair.second], pair.contrast
    (low, high), mean = found.difference.interval, found.difference.mean
    evidence = f"({_how(found)}, Holm p {_p(pair.p)})"
    equal = margin is not None and -margin <= low and high <= margin
    within = f"practically equal, within {of.gap_text(margin)}" if margin and equal else ""
    if pair.real:
        verb = "beats" if (mean > 0) == of.higher else "falls behind"
        ends = (low, high) if mean > 0 else (-high, -low)
        gap = f"{of.gap_text(abs(mean))}{of.interval(*ends)}"
        return f"{first} {verb} {second} by {gap} {evidence}" + (f"; {within}" if equal else "")
    signed = f"{of.number(mean, '+')} {of.gap}{of.interval(low, high)} {evidence}"
    if equal:
        return f"{first} and {second}: {within}: {signed}"
    if pair.hopeless:
        return f"{first} and {second}: too few seeds: {_at_least(pair)}; {signed}"
    return f"{first} and {second}: no difference seen: {signed}; {_unseen(pair, of, margin)}"


def _at_least(pair: Pair) -> str:
    needed = pair.contrast.seeds_at_least(pair.level)
    if needed is None:
        return f"no number of them can pass a level of {pair.level:.1g}; compare fewer arms"
    return f"at least {needed} needed"


def _unseen(pair: Pair, of: Unit, margin: float | None) -> str:
    gap = pair.contrast.visible_gap(pair.level)
    seeds = _seeds(pair.contrast)
    if gap == 0:
        return f"without any spread between the {seeds}"
    wanted = margin or gap / 2
    more = pair.contrast.more_seeds(wanted, pair.level)
    settle = f"; {more} more {_plural(more, 'seed')} would settle {of.number(wanted)}" if more else ""
    if more is None:
        settle = f"; over {MOST_SEEDS} seeds would be needed to settle {of.number(wanted)}"
    return f"with {seeds} a gap under {of.gap_text(gap)} would have gone unseen{settle}"


def _without_comparison(comparison: Comparison) -> list[str]:
    if comparison.pairs:
        return []
    valued = int((comparison.summary["n"] > 0).sum())
    if len(comparison.summary) < 2:
        return ["one arm: nothing to compare it with"]
    if valued < 2:
        return ["nothing to compare: fewer than two arms have a finished replicate"]
    if comparison.baseline is None and len(comparison.summary) > MOST_PAIRED_ARMS:
        count = len(comparison.summary)
        return [f"{count} arms: too many to hold each against each other; name one of them with --baseline"]
    return ["nothing to compare with: the baseline has no finished replicate"]


def _fewer_comparisons(comparison: Comparison) -> list[str]:
    """A way out where every arm was held against every other one, with too few seeds for so many comparisons."""
    pairs, arms = comparison.pairs, len(comparison.summary)
    if comparison.baseline or arms < 3 or not all(pair.hopeless for pair in pairs):
        return []
    needed = pairs[0].contrast.seeds_at_least(LEVEL / (arms - 1))
    return [
        f"with --baseline there are {arms - 1} comparisons instead of {len(pairs)}, which need at least {needed} seeds"
    ]


def _diverged(summary: pd.DataFrame, names: dict[str, str]) -> list[str]:
    lines = []
    for arm, n, diverged in summary.loc[summary["diverged"] > 0, ["arm", "n", "diverged"]].to_numpy().tolist():
        mean = f"its mean is of the other {n}" if n else "it has no mean"
        lines.append(f"{names[arm]}: {diverged} {_plural(diverged, 'replicate')} diverged; {mean}")
    return lines


def _how(found: Contrast) -> str:
    return f"{'paired' if found.paired else 'not paired'}, {_seeds(found)}"


def _seeds(found: Contrast) -> str:
    counts = list(dict.fromkeys(found.ns))
    return f"{' and '.join(map(str, counts))} {_plural(counts[-1], 'seed')}"


def _plural(count: int | None, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _p(p: float) -> str:
    if math.isnan(p):
        return "unknown"
    return "< .001" if p < 0.001 else "= 1" if p >= 0.9995 else f"= {p:.3f}".replace("0.", ".")
