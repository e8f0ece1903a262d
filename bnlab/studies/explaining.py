"""Explains a study in plain words: its question, hypotheses and runs, and what each verdict means."""

from __future__ import annotations

from collections.abc import Iterator

from bnlab.errors import written
from bnlab.studies.hypotheses import Better, Equal, Hypothesis, Interaction, Near, Reaches, Trend
from bnlab.studies.planning import Plan

MEANINGS = {
    "supported": (
        "what was said holds for these settings, data and seeds, by more than chance: were it not so, any such word in "
        "this study would come out at most 5 times in 100. It does not say that it holds elsewhere, nor why"
    ),
    "contradicted": (
        "the seeds show that what was said does not hold here, by the same measure. It may hold for other settings"
    ),
    "practically equal": (
        "the difference is shown to be within the margin that was fixed beforehand: too small to matter, not zero"
    ),
    "inconclusive": (
        "these seeds do not tell. It is no sign that there is no difference: the interval holds all that may be so"
    ),
}
"""What each verdict means and does not mean."""


def explained(plan: Plan) -> Iterator[str]:
    """The explanation of a study, before it is trained, in lines."""
    study = plan.study
    yield f"{study.name}: {study.question}"
    yield f"Source: {study.source.what}. It says: {study.source.says}"
    yield ""
    yield "What is said beforehand, and locked before the first step:"
    for name, hypothesis in study.hypotheses.items():
        yield f"  {name}: {hypothesis.says}"
        yield f"    Reading by: {hypothesis.metric}. {_decided(hypothesis)}"
    yield ""
    values = [f"{key} at {', '.join(values)}" for key, values in study.sweep.items()]
    swept = f", each with {' and '.join(values)}" if values else ""
    yield (
        f"What is trained: {len(study.arms)} arms ({', '.join(study.arms)}){swept}, {plan.seeds} seeds each: "
        f"{plan.replicates} replicates. All arms share the seeds, so that each seed compares equal weights and batches."
    )
    shared = [*study.overrides, *study.budgets[plan.budget].overrides, *plan.typed]
    yield f"In all of them: {' '.join(shared)}" if shared else "All else is as bnlab train has it."
    for name, arm in study.arms.items():
        yield f"  {name}: {' '.join(arm) or 'as it is'}"
    if study.settings:
        yield ""
        yield "Why these settings:"
    for key, setting in study.settings.items():
        stated = "our choice, the source does not state it" if setting.stated is None else f"stated: {setting.stated}"
        yield f"  {key} ({setting.role}; {stated}){f': {setting.why}' if setting.why else ''}"


def meanings(words: set[str]) -> Iterator[str]:
    """The meaning of each of these verdicts, in lines."""
    yield "What the words mean:"
    yield from (f"  {word}: {meaning}." for word, meaning in MEANINGS.items() if word in words)


def _decided(of: Hypothesis) -> str:
    """When the hypothesis counts as supported."""
    margin = _margin(of)
    if isinstance(of, Better):
        return f"Supported if {of.arm} is better than {of.than} by more than {margin}."
    if isinstance(of, Equal):
        return f"Supported if {of.arm} and {of.to} differ by less than {margin}."
    if isinstance(of, Interaction):
        at, against = (", ".join(f"{key}={value}" for key, value in each.items()) for each in (of.at, of.against))
        return f"Supported if {of.arm} is ahead of {of.than} at {at} by over {margin} more than at {against}."
    if isinstance(of, Trend):
        return f"Supported if it {of.direction} with {of.along} for {of.arm}, by the order of the values in each seed."
    if isinstance(of, Reaches):
        return (
            f"A seed trains where it is {of.goal:g} {of.metric.unit.value} or better; supported if the largest "
            f"{of.along} at which a seed trains is over {written(of.factor)} times as large with {of.arm} as with "
            f"{of.than}."
        )
    assert isinstance(of, Near)
    return f"Supported if {of.arm} is within {margin} of {of.metric.unit.text(of.value)}."


def _margin(of: Hypothesis) -> str:
    size = getattr(of, "margin", getattr(of, "tolerance", 0.0))
    unit = of.unit.gap.removesuffix("s") if size == 1 else of.unit.gap
    return f"{size:g} {unit}" if size else "chance"
