"""Writes up the studies that were run: STUDIES.md, and for each a page with its chart in docs/studies/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bnlab.report import charts, page
from bnlab.stats import Word
from bnlab.store import replace
from bnlab.studies import comparing, saying
from bnlab.studies.charting import chart
from bnlab.studies.explaining import MEANINGS, explained
from bnlab.studies.judging import Judged

SUMMARY, FOLDER = "STUDIES.md", "docs/studies"


def write(folder: Path, judged: Sequence[Judged], not_run: Sequence[str]) -> list[Path]:
    """Writes STUDIES.md and the pages; returns the written files.

    Args:
        folder: the folder with STUDIES.md and docs/.
        judged: the studies with all their results.
        not_run: the names of the studies without results, which are listed as such.

    Raises:
        StorageError: a file cannot be written.
    """
    environment = page.templates("bnlab.studies")
    template = environment.get_template("page.html")
    contents = {SUMMARY: _summary(judged, not_run)}
    for each in judged:
        study = each.trained.plan.study
        contents[f"{FOLDER}/{study.name}.html"] = template.render(
            title=study.name,
            question=study.question,
            source=study.source,
            verdicts=[
                (verdict.word.value, verdict.hypothesis.says, saying.sentence(verdict)) for verdict in each.verdicts
            ],
            amendments=list(map(str, each.trained.locked.amendments)),
            chart=charts.svg(chart(each)),
            numbers=_numbers(each),
            published=comparing.rows(each),
            explained=list(explained(each.trained.plan)),
            meanings={word: MEANINGS[word] for word in dict.fromkeys(verdict.word.value for verdict in each.verdicts)},
            facts=_facts(each),
        )
    contents[f"{FOLDER}/index.html"] = environment.get_template("index.html").render(
        studies=[(each.trained.plan.study, saying.summary(each)) for each in judged], not_run=not_run
    )
    for name, content in contents.items():
        replace(folder / name, content)
    return [folder / name for name in contents]


def _summary(judged: Sequence[Judged], not_run: Sequence[str]) -> str:
    """The text of STUDIES.md."""
    return "\n".join(_lines(judged, not_run)) + "\n"


def _lines(judged: Sequence[Judged], not_run: Sequence[str]) -> Iterator[str]:
    words = [verdict.word for each in judged for verdict in each.verdicts]
    counts = ", ".join(f"{words.count(word)} {word}" for word in Word)
    yield "# Studies\n"
    yield (
        "Made by `bnlab study --write` from the full budget of each study, contradictions included. What is said was "
        "locked before training; [docs/studies.md](docs/studies.md) explains how, and the words. "
        f"Studies: {len(judged)}. Hypotheses: {len(words)}, of which {counts}.\n"
    )
    yield "| claim | study | question | verdicts |"
    yield "|---|---|---|---|"
    for each in judged:
        study = each.trained.plan.study
        link = f"[{study.name}]({FOLDER}/{study.name}.html)"
        yield f"| {study.source.claim or ''} | {link} | {study.question} | {saying.summary(each)} |"
    for each in judged:
        study = each.trained.plan.study
        yield f"\n## {study.name}\n"
        yield f"{study.question} Source: {study.source.what}: {study.source.says}.\n"
        for verdict in each.verdicts:
            yield f"* **{verdict.word}**: {verdict.hypothesis.says}"
            yield f"  {saying.effect(verdict)} ({saying.evidence(verdict)})."
        for amendment in each.trained.locked.amendments:
            yield f"* {amendment}"
        yield ""
        yield from _published(comparing.rows(each), study.chart.x)
        yield from (f"{word}: {text}  " for word, text in _facts(each))
    if not_run:
        yield f"\nNot run yet, so without verdicts: {', '.join(not_run)}."


def _published(rows: Sequence[comparing.Row], axis: str) -> Iterator[str]:
    """Number by number, as a table of STUDIES.md."""
    if rows:
        yield f"| {axis} | arm | published | ours |"
        yield "|---|---|---|---|"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""


def _facts(judged: Judged) -> list[tuple[str, str]]:
    trained, lock = judged.trained, judged.trained.locked.lock
    environments = [outcome.result.environment for own in trained.outcomes.values() for outcome in own]
    told = dict.fromkeys(
        f"bnlab {each.get('bnlab')}, torch {each.get('torch')}, Python {each.get('python')} on {each.get('device')} "
        f"({each.get('cpu')}, {each.get('threads')} threads)"
        for each in environments
    )
    return [
        ("command", f"`{trained.plan.command}`"),
        ("seeds", f"{trained.plan.seeds} in each arm, {trained.plan.replicates} replicates"),
        ("locked", f"{lock.at}, SHA-256 {lock.digest}, when {lock.trained} replicates were trained"),
        ("trained with", "; ".join(told)),
    ]


def _numbers(judged: Judged) -> list[tuple[str, str, str]]:
    """The rows of the table: hypothesis, cell, mean."""
    return [
        (verdict.name, cell, verdict.hypothesis.metric.unit.text(mean))
        for verdict in judged.verdicts
        for cell, mean in verdict.means().items()
    ]
