"""Puts each verdict into one sentence, with the effect and its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bnlab.stats import MOST_SEEDS, Word
from bnlab.studies.hypotheses import Better, Equal, Near, Reaches
from bnlab.studies.judging import Judged, Verdict

FEW = 4


def sentence(verdict: Verdict) -> str:
    """The verdict, e.g. "faster: supported: batch against none, steps until ...: -1210 steps [-1500, -900] (...)"."""
    return f"{verdict.name}: {verdict.word}: {effect(verdict)} ({evidence(verdict)}){_afterwards(verdict)}"


def effect(verdict: Verdict) -> str:
    """What is compared, the effect, and its interval."""
    of = verdict.hypothesis
    what = of.effect if of.by_order else f"{of.effect}, {of.metric}{_where(verdict)}"
    return f"{what}: {'; '.join(_numbers(verdict))}"


def evidence(verdict: Verdict) -> str:
    """How the hypothesis was tested: the number of seeds, whether by ranks, and the corrected p."""
    decision = verdict.decision
    ranks = ", ranks, those that failed last" if decision.claim.above.by_ranks else ""
    p = "" if math.isnan(decision.p) else f", corrected p {_p(decision.p)}"
    return f"pairs of {len(decision.claim.values)} seeds{ranks}{p}"


def summary(judged: Judged) -> str:
    """The number of each verdict, e.g. "2 supported, 1 inconclusive"."""
    return counted([verdict.word for verdict in judged.verdicts])


def counted(words: Sequence[Word]) -> str:
    """The number of each verdict among these, e.g. "2 supported, 1 inconclusive"."""
    return ", ".join(f"{words.count(word)} {word}" for word in Word if word in words)


def _numbers(verdict: Verdict) -> Iterator[str]:
    decision, of = verdict.decision, verdict.hypothesis
    if isinstance(of, Reaches):
        for arm in (of.arm, of.than):
            largest = of.largest_of_share(verdict.values, arm)
            reached = "none of the values" if largest is None else f"{largest:g}"
            yield f"{arm} {reached} ({of.share:.0%} of the seeds)"
    # If lower is better, the claim's sign was changed; the sentence has the difference as measured.
    plain = isinstance(of, Better | Equal | Near) and not of.unit.higher
    sign = -1 if plain else 1
    if not math.isnan(decision.difference):
        gap = f"{of.unit.number(sign * decision.difference, '+')} {of.unit.gap}".rstrip()
        yield f"{gap}{_interval(verdict, sign)}"
    failures = verdict.failures()
    if failures and not of.by_order:
        counts = [f"{failed} of {n} seeds of {cell}" for cell, (failed, n) in failures.items()]
        more = f" and {len(counts) - FEW} more" if len(counts) > FEW else ""
        yield f"diverged or never there: {', '.join(counts[:FEW])}{more}"


def _interval(verdict: Verdict, sign: int) -> str:
    low, high = (sign * end for end in verdict.decision.interval)
    if math.isnan(low):
        return ""
    number, confidence = verdict.hypothesis.unit.number, 100 * verdict.decision.confidence
    return f" [{number(min(low, high))}, {number(max(low, high))}] at {confidence:.3g} %"


def _where(verdict: Verdict) -> str:
    at = verdict.hypothesis.at
    told = hasattr(verdict.hypothesis, "against") or not at
    return "" if told else f", {', '.join(f'{key}={value}' for key, value in at.items())}"


def _afterwards(verdict: Verdict) -> str:
    """Further remarks: how many more seeds would decide it, and that the verdict was not the expected one."""
    said = ""
    if verdict.word == Word.INCONCLUSIVE:
        more = verdict.decision.more_seeds
        by_ranks = math.isnan(verdict.decision.difference)
        said = (
            "; how many seeds would settle it cannot be told, as seeds failed"
            if by_ranks
            else f"; over {MOST_SEEDS} seeds would be needed to settle an effect of this size"
            if more is None
            else f"; {more} more {'seed' if more == 1 else 'seeds'} would settle an effect of this size 4 times in 5"
        )
    expected = verdict.hypothesis.expected
    return said if verdict.as_expected or expected is None else f"{said}; expected was: {expected}"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {p:.3f}".replace("0.", ".")
