"""Writes STUDIES.md, and for each study that was run a page with its chart in docs/studies/."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from bnlab.report import charts, page
from bnlab.stats import Word
from bnlab.store import replace
from bnlab.studies import saying
from bnlab.studies.charting import chart
from bnlab.studies.explaining import MEANINGS, explained
from bnlab.studies.judging import Judged
from bnlab.studies.record import Record, as_text, read, record_of

SUMMARY, FOLDER = "STUDIES.md", "docs/studies"


def write(folder: Path, judged: Sequence[Judged], shipped: Sequence[str]) -> list[Path]:
    """Writes STUDIES.md and the pages of the judged studies, and returns the written files.

    Pages of other studies stay, and STUDIES.md lists them too.

    Args:
        folder: the folder with STUDIES.md and docs/.
        judged: the studies, with all their results.
        shipped: the names of all shipped studies; those without a page are listed as not run yet.

    Raises:
        StorageError: a file cannot be written.
        UserError: the file of an earlier study is no record.
    """
    environment = page.templates("bnlab.studies")
    template = environment.get_template("page.html")
    earlier = map(read, sorted((folder / FOLDER).glob("*.json")))
    records = {record.name: record for record in [*earlier, *map(record_of, judged)]}
    listed = [records[name] for name in dict.fromkeys([*shipped, *records]) if name in records]
    not_run = [name for name in shipped if name not in records]
    contents = {SUMMARY: "\n".join(_lines(listed, not_run)) + "\n"}
    for each in judged:
        name = each.trained.plan.study.name
        contents[f"{FOLDER}/{name}.json"] = as_text(records[name])
        contents[f"{FOLDER}/{name}.html"] = template.render(
            record=records[name],
            source=each.trained.plan.study.source,
            verdicts=[
                (verdict.word.value, verdict.hypothesis.says, saying.sentence(verdict)) for verdict in each.verdicts
            ],
            chart=charts.svg(chart(each)),
            numbers=_numbers(each),
            explained=list(explained(each.trained.plan)),
            meanings={word: MEANINGS[word] for word in dict.fromkeys(verdict.word.value for verdict in each.verdicts)},
        )
    contents[f"{FOLDER}/index.html"] = environment.get_template("index.html").render(records=listed, not_run=not_run)
    for name, content in contents.items():
        replace(folder / name, content)
    return [folder / name for name in contents]


def _lines(records: Sequence[Record], not_run: Sequence[str]) -> Iterator[str]:
    """The lines of STUDIES.md."""
    words = [finding.word for record in records for finding in record.findings]
    counts = ", ".join(f"{words.count(word)} {word}" for word in Word)
    yield "# Studies\n"
    yield (
        "Made by `bnlab study --write` from the full budget of each study, contradictions included. What is said was "
        "locked before training; [docs/studies.md](docs/studies.md) explains how, and the words. "
        f"Studies: {len(records)}. Hypotheses: {len(words)}, of which {counts}.\n"
    )
    yield "| claim | study | question | verdicts |"
    yield "|---|---|---|---|"
    for record in records:
        link = f"[{record.name}]({FOLDER}/{record.name}.html)"
        yield f"| {record.claim or ''} | {link} | {record.question} | {record.summary()} |"
    for record in records:
        yield f"\n## {record.name}\n"
        yield f"{record.question} Source: {record.source}.\n"
        for finding in record.findings:
            yield f"* **{finding.word}**: {finding.says}"
            yield f"  {finding.effect} ({finding.evidence})."
        yield from (f"* {amendment}" for amendment in record.amendments)
        yield ""
        yield from _published(record)
        yield from (f"{word}: {f'`{text}`' if word == 'command' else text}  " for word, text in record.facts.items())
    if not_run:
        yield f"\nNot run yet, so without verdicts: {', '.join(not_run)}."


def _published(record: Record) -> Iterator[str]:
    """A Markdown table of published numbers and ours, in lines; nothing if there are none."""
    if record.published:
        yield f"| {record.axis} | arm | published | ours |"
        yield "|---|---|---|---|"
        yield from (f"| {' | '.join(dataclasses.astuple(row))} |" for row in record.published)
        yield ""


def _numbers(judged: Judged) -> list[tuple[str, str, str]]:
    """The rows of the page's table: hypothesis, cell, mean."""
    return [
        (verdict.name, cell, verdict.hypothesis.metric.unit.text(mean))
        for verdict in judged.verdicts
        for cell, mean in verdict.means().items()
    ]
