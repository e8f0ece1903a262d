"""What the comparison says, in sentences."""

import shlex

import pandas as pd

from bnlab.report.comparison import (
    ABSENT,
    LEVEL,
    MOST_PAIRED_ARMS,
    Comparison,
    Lead,
    Unit,
    listed,
    plural,
    short_names,
    telling_keys,
    unit,
)
from bnlab.report.verdicts.pairs import FEW, PairVerdicts, how, p_word


def verdicts(comparison: Comparison, margin: float | None = None) -> list[str]:
    """One sentence each: the best arm, the arms that diverged, and every comparison or kind of comparisons.

    Args:
        comparison: from `compare`.
        margin: differences within +- margin count as practically equal, in the metric's own unit.
    """
    names = short_names(comparison)
    say = PairVerdicts(names, unit(comparison.metric), margin)
    lines = [_lead(comparison, comparison.lead, names, say)] if comparison.lead else []
    lines += _diverged(comparison.summary, names)
    lines += say.sentences(comparison.pairs)
    return lines + (_without_comparison(comparison) or _fewer_comparisons(comparison))


def _lead(comparison: Comparison, lead: Lead, names: dict[str, str], say: PairVerdicts) -> str:
    of, best = unit(comparison.metric), comparison.summary[comparison.summary["arm"] == lead.first].iloc[0]
    mean = f"{names[lead.first]}, {of.number(best['mean'])} {of.value}{of.interval(best['low'], best['high'])}"
    if not lead.real:
        return f"best mean: {mean}; {_no_lead(lead, names, of)}"
    # The closest arm, and those of the comparisons that the lead settles.
    against = {lead.second: lead.contrast}
    against |= {
        pair.second if pair.first == lead.first else pair.first: pair.contrast
        for pair in comparison.pairs
        if pair.settled
    }
    gaps = listed([f"{names[arm]} by {say.size(found)}" for arm, found in against.items()], FEW)
    alone = (comparison.summary["n"] > 0).sum() == 2
    evidence = f"({how(list(against.values()))}, p {p_word(lead.p, '=' if alone else '≤')})"
    equal = [names[arm] for arm, found in against.items() if say.is_equal(found)]
    yet = f", yet practically equal to {listed(equal, FEW)}: {say.within()}" if equal else ""
    return f"best: {mean}; it beats {'' if alone else 'every other arm: '}{gaps} {evidence}{yet}"


def _no_lead(lead: Lead, names: dict[str, str], of: Unit) -> str:
    gap, evidence = abs(lead.contrast.difference.mean), f"({how([lead.contrast])}, p {p_word(lead.p)})"
    if of.number(gap) == of.number(0):
        return f"no lead over {names[lead.second]} {evidence}"
    return f"its lead over {names[lead.second]} is not established: {of.gap_text(gap)} {evidence}"


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
        return [
            f"{count} arms: too many to hold each against each other; name one of them, as in {_example(comparison)}"
        ]
    return ["nothing to compare with: the baseline has no finished replicate"]


def _fewer_comparisons(comparison: Comparison) -> list[str]:
    """A way out where every arm was held against every other one, if fewer comparisons can do with fewer seeds."""
    rest = [pair for pair in comparison.pairs if not pair.settled]
    if comparison.baseline or not rest or not all(pair.hopeless for pair in rest):
        return []
    count = len({arm for pair in rest for arm in (pair.first, pair.second)}) - 1
    found = rest[0].contrast
    now, then = found.seeds_at_least(rest[0].level), found.seeds_at_least(LEVEL / count)
    if then is None or (now is not None and now <= then):
        return []
    return [
        f"with a baseline, as in {_example(comparison)}, there are {count} comparisons instead of {len(rest)}, "
        f"which need at least {then} seeds"
    ]


def _example(comparison: Comparison) -> str:
    """The option that makes the last arm the baseline, as it is typed."""
    keys = telling_keys(comparison)
    last = comparison.summary[keys].fillna(ABSENT).iloc[-1]
    return f"--baseline {shlex.quote(','.join(f'{key}={last[key]}' for key in keys))}"


def _diverged(summary: pd.DataFrame, names: dict[str, str]) -> list[str]:
    rows = summary.loc[summary["diverged"] > 0, ["arm", "n", "diverged"]].to_numpy().tolist()
    if len(rows) > FEW:
        total = sum(diverged for _, _, diverged in rows)
        arms = listed([f"{names[arm]} ({diverged})" for arm, _, diverged in rows], FEW)
        return [f"{total} replicates of {len(rows)} arms diverged; their means are of the others: {arms}"]
    return [
        f"{names[arm]}: {diverged} {plural(diverged, 'replicate')} diverged; "
        + (f"its mean is of the other {n}" if n else "it has no mean")
        for arm, n, diverged in rows
    ]
