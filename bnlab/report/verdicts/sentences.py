"""The verdicts of a comparison, as sentences."""

import math

import pandas as pd

from bnlab import stats
from bnlab.report.comparison import MOST_PAIRED_ARMS, Comparison, Lead, listed, plural, short_names, unit, unlike
from bnlab.report.verdicts.pairs import FEW, PairVerdicts, established, how, p_phrase
from bnlab.report.verdicts.verdict import Kind, Verdict


def verdicts(comparison: Comparison, margin: float | None = None) -> list[Verdict]:
    """The verdicts, each in one sentence: on the best arm, on arms with diverged seeds, and on the pairs of arms.

    Args:
        comparison: from `compare`.
        margin: differences within +- margin, in the metric's own unit, count as practically equal; None: equality is
            not tested.
    """
    names = short_names(comparison)
    if comparison.withheld:
        return [_withheld(comparison, names), *_diverged(comparison, names)]
    say = PairVerdicts(names, unit(comparison.metric), margin, unlike(comparison.replicates))
    found = [_of_lead(comparison, comparison.lead, names, say)] if comparison.lead else []
    found += _diverged(comparison, names)
    found += say.verdicts(comparison.pairs)
    return found + [Verdict(Kind.NOTHING, said) for said in _without_comparison(comparison)]


def _of_lead(comparison: Comparison, lead: Lead, names: dict[str, str], say: PairVerdicts) -> Verdict:
    settled = tuple(pair for pair in comparison.pairs if pair.settled)
    kind = Kind.LEAD if lead.real else Kind.NO_LEAD
    return Verdict(kind, _lead(comparison, lead, names, say), (lead.first,), settled)


def _withheld(comparison: Comparison, names: dict[str, str]) -> Verdict:
    if comparison.planned is None:
        return Verdict(
            Kind.WITHHELD,
            "no verdict while it is watched without a plan: of looks after each seed one would be false far too often; "
            "--plan N fixes the number of seeds per arm",
        )
    seeds = comparison.summary["n"] + comparison.summary["diverged"]
    fewest = comparison.summary["arm"].iloc[int(seeds.argmin())]
    return Verdict(
        Kind.WITHHELD,
        f"no verdict before the planned {comparison.planned} seeds per arm: "
        f"{names[fewest]} has {comparison.fewest_seeds} so far",
        (fewest,),
    )


def _lead(comparison: Comparison, lead: Lead, names: dict[str, str], say: PairVerdicts) -> str:
    of, ranked = unit(comparison.metric), comparison.summary[_ranked(comparison.summary)]
    count = len(ranked)
    best = ranked[ranked["arm"] == lead.first].iloc[0]
    low, high = stats.mean_interval(best["mean"], best["sd"], best["n"], 0.05 / count)
    low, high = max(low, 0.0) if low == low else low, min(high, 1.0) if of.scale == 100 and high == high else high
    mean = f"{names[lead.first]}, {of.number(best['mean'])} {of.value}{of.interval(low, high)}"
    among = " of those without failures" if count < len(comparison.summary) else ""
    kind = "corrected p" if comparison.tests > 1 else "p"
    if not lead.real:
        what = "the higher of 2 means" if count == 2 else f"the highest of {count} means"
        if not of.higher:
            what = what.replace("high", "low")
        high_by = _selection(lead, count)
        beyond = "high" if of.higher else "low"
        if_equal = (
            f" (reads about {of.number(high_by)} {beyond} if all are equal)"
            if of.number(high_by) != of.number(0)
            else ""
        )
        return f"{what}{among}: {mean}{if_equal}; {_no_lead(lead, names, say, kind)}"
    # The closest arm, and the arms of the pairs that the lead settles.
    sizes = {lead.second: say.size(lead.contrast)}
    settled = {
        pair.second if pair.first == lead.first else pair.first: pair for pair in comparison.pairs if pair.settled
    }
    sizes |= {arm: say.size(pair.contrast, pair.interval) for arm, pair in settled.items()}
    contrasts = [lead.contrast, *(pair.contrast for pair in settled.values())]
    gaps = listed([f"{names[arm]} by {size}" for arm, size in sizes.items()], FEW)
    alone = count == 2
    evidence = f"({how(contrasts)}{p_phrase(lead.p, kind, relation='=' if alone else '≤')})"
    if not math.isnan(lead.images_p):
        evidence += f"; over seeds and images{established(lead.images_p) or ' too'}"
        evidence += p_phrase(lead.images_p, kind, relation="=" if alone else "≤")
    equal = [names[arm] for arm, pair in settled.items() if say.is_equal(pair)]
    yet = f", yet practically equal to {listed(equal, FEW)}: {say.within()}" if equal else ""
    others = f"every other arm{' without failures' * bool(among)}: "
    unlike_best = next(filter(None, (say.unlike(lead.first, arm) for arm in ranked["arm"])), "")
    return f"best{among}: {mean}; it beats {'' if alone else others}{gaps} {evidence}{yet}{unlike_best}"


def _selection(lead: Lead, count: int) -> float:
    """The selection bias: by how much the best of `count` means exceeds the truth on average if all arms are equal.

    0 if the spread is unknown. The standard error of one mean, without what the arms share, is that of a difference
    divided by √2.
    """
    if math.isnan(lead.contrast.interval(0.05).low):
        return 0.0
    error, _ = stats.standard_error(lead.contrast.sds, lead.contrast.ns)
    return stats.highest_of(count) * error / math.sqrt(2)


def _no_lead(lead: Lead, names: dict[str, str], say: PairVerdicts, kind: str) -> str:
    evidence = f"({how([lead.contrast])}{p_phrase(lead.p, kind)})"
    if say.is_nothing(lead.contrast):
        return f"no lead over {names[lead.second]} {evidence}"
    gap = say.size(lead.contrast)
    return f"its lead over {names[lead.second]} is not established: {gap} {evidence}"


def _ranked(summary: pd.DataFrame) -> "pd.Series[bool]":
    """Which arms have a mean to be ranked by: those without a diverged seed."""
    return (summary["n"] > 0) & (summary["diverged"] == 0)


def _without_comparison(comparison: Comparison) -> list[str]:
    if comparison.pairs:
        return []
    valued = int(((comparison.summary["n"] > 0) | (comparison.summary["diverged"] > 0)).sum())
    if len(comparison.summary) < 2:
        return ["one arm: nothing to compare it with"]
    if valued < 2:
        return ["nothing to compare: fewer than two arms have a finished replicate"]
    if comparison.baseline is None and len(comparison.summary) > MOST_PAIRED_ARMS:
        # No baseline is suggested: one that is chosen by its mean would make chance look like a finding.
        return [
            f"{len(comparison.summary)} arms: too many to hold each against each other; name the one that they are to "
            "be held against, chosen before looking at the means, with --baseline"
        ]
    return ["nothing to compare with: the baseline has no finished replicate"]


def _diverged(comparison: Comparison, names: dict[str, str]) -> list[Verdict]:
    """Verdicts that say how often the arms diverged, so that they have no mean to be ranked by."""
    rows = comparison.summary.loc[comparison.summary["diverged"] > 0, ["arm", "n", "diverged", "mean"]]
    failed = rows.to_numpy().tolist()
    if len(failed) > FEW:
        total = sum(diverged for _, _, diverged, _ in failed)
        arms = listed([f"{names[arm]} ({diverged} of {diverged + n})" for arm, n, diverged, _ in failed], FEW)
        said = f"{total} seeds of {len(failed)} arms diverged, which are not ranked: {arms}"
        return [Verdict(Kind.DIVERGED, said, tuple(arm for arm, *_ in failed))]
    return [
        Verdict(Kind.DIVERGED, _no_ranking(comparison, names[arm], n, diverged, mean), (arm,))
        for arm, n, diverged, mean in failed
    ]


def _no_ranking(comparison: Comparison, name: str, n: int, diverged: int, mean: float) -> str:
    of = unit(comparison.metric)
    low, high = (round(100 * end) for end in stats.failure_interval(diverged, diverged + n))
    share = f"{diverged} of {diverged + n} {plural(diverged + n, 'seed')} diverged [{low} %, {high} %]"
    finished = f" The {'one' if n == 1 else n} that finished: {of.number(mean)} {of.value}" if n else ""
    return f"{name}: {share}; no ranking.{finished}"
