"""`Record`: a study's findings in words, stored in docs/studies/NAME.json. STUDIES.md is made from these files.

So each study can be run and written up separately, also on another machine, without the results of the others.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bnlab.errors import UserError
from bnlab.stats import Word
from bnlab.studies import comparing, saying
from bnlab.studies.judging import Judged
from bnlab.studies.typed import typed


@dataclass(frozen=True)
class Finding:
    """A verdict in words.

    Attributes:
        word: the verdict.
        says: the hypothesis.
        effect: what is compared, the effect, and its interval.
        evidence: how it was tested.
    """

    word: Word
    says: str
    effect: str
    evidence: str


@dataclass(frozen=True)
class Record:
    """A study that was run on its full budget.

    Attributes:
        name: the study's name.
        claim: the number of the article's claim that it studies; None if its source is a paper.
        question: the study's question.
        source: the source and its claim.
        findings: the verdicts.
        amendments: what was changed after the first lock.
        axis: the x axis of the published numbers.
        published: the published numbers, and ours.
        facts: the command, seeds, lock, versions and hardware, by their names.
    """

    name: str
    claim: int | None
    question: str
    source: str
    findings: tuple[Finding, ...]
    amendments: tuple[str, ...]
    axis: str
    published: tuple[comparing.Row, ...]
    facts: Mapping[str, str]

    def summary(self) -> str:
        """The number of each verdict, e.g. "2 supported, 1 inconclusive"."""
        return saying.counted([finding.word for finding in self.findings])


def record_of(judged: Judged) -> Record:
    """The record of a judged study."""
    study = judged.trained.plan.study
    return Record(
        name=study.name,
        claim=study.source.claim,
        question=study.question,
        source=f"{study.source.what}: {study.source.says}",
        findings=tuple(
            Finding(verdict.word, verdict.hypothesis.says, saying.effect(verdict), saying.evidence(verdict))
            for verdict in judged.verdicts
        ),
        amendments=tuple(map(str, judged.trained.locked.amendments)),
        axis=study.chart.x,
        published=tuple(comparing.rows(judged)),
        facts=_facts(judged),
    )


def as_text(record: Record) -> str:
    """The content of a record's file, JSON."""
    return json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> Record:
    """Reads a record from its file. Raises UserError if the file is no record."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path} is no record of a study ({error}); remove it, or take it from its last commit"
        ) from error
    found: Record = typed(Record, values, str(path), {})
    return found


def _facts(judged: Judged) -> dict[str, str]:
    trained, lock = judged.trained, judged.trained.locked.lock
    environments = [outcome.result.environment for own in trained.outcomes.values() for outcome in own]
    told = dict.fromkeys(
        f"bnlab {each.get('bnlab')}, torch {each.get('torch')}, Python {each.get('python')} on {each.get('device')} "
        f"({each.get('cpu')}, {each.get('threads')} threads)"
        for each in environments
    )
    return {
        "command": trained.plan.command,
        "seeds": f"{trained.plan.seeds} in each arm, {trained.plan.replicates} replicates",
        "locked": f"{lock.at}, SHA-256 {lock.digest}, when {lock.trained} replicates were trained",
        "trained with": "; ".join(told),
    }
