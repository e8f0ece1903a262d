"""`bnlab study`: runs a study that was written beforehand, and prints a verdict on each of its hypotheses."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnlab.cli.failing import INTERRUPTED, fail
from bnlab.errors import UserError
from bnlab.machine import say, status

if TYPE_CHECKING:
    from bnlab.studies import Plan, Study
    from bnlab.studies.judging import Judged


def study(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FILE.yaml] [OVERRIDES]", help="A shipped study or your own file, and settings."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the shipped studies.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All shipped studies, one after the other.")] = False,
    budget: Annotated[str, typer.Option(help="full | quick, which is to see it work.")] = "full",
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 if a verdict is not the expected one.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print the question, hypotheses and design, and train nothing new.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write STUDIES.md and docs/studies/ here, of all with full results.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON, for programs.")] = False,
) -> None:
    """Run a study: hypotheses that are locked before training, and a verdict on each.

    Example: bnlab study convergence --budget quick
    """
    from bnlab import studies

    if listed:
        _list()
        return
    if write:
        _write(words or [])
        return
    plans = [studies.planned(study, budget, overrides) for study, overrides in _asked(words or [], every=every)]
    try:
        judged = [each for plan in plans if (each := _run(plan, explain=explain, quiet=as_json)) is not None]
    except KeyboardInterrupt as interrupt:  # here, because Typer would exit without a message
        fail(str(interrupt) or "interrupted", INTERRUPTED)
    if as_json:
        typer.echo(json.dumps([each.as_data() for each in judged], indent=2))
    unexpected = [each for one in judged for each in one.verdicts if not each.as_expected]
    if check and unexpected:
        names = ", ".join(f"{each.name} ({each.word}, not {each.hypothesis.expected})" for each in unexpected)
        fail(f"not as expected: {names}", 1)


def _asked(words: Sequence[str], *, every: bool) -> list[tuple[Study, Sequence[str]]]:
    """The studies that are asked for, each with the settings that were typed.

    Args:
        words: the arguments of the command: a study's name or file, then settings.
        every: whether all shipped studies are asked for; then `words` are settings only.

    Raises:
        UserError: there is no such study, or none is named, or both a name and --all are given.
    """
    from bnlab import studies

    named = bool(words) and "=" not in words[0]
    if every == named:
        wrong = "a study's name and --all are given" if every else "no study is named"
        raise UserError(f"{wrong}; write bnlab study NAME, bnlab study FILE.yaml, or --all. See: bnlab study --list")
    if every:
        found = map(studies.find, studies.names())
        return [(study, words) for study in found if _has_packages(study) and _has_data(study, words)]
    return [(studies.find(words[0]), words[1:])]


def _has_packages(study: Study) -> bool:
    """Whether all packages that a study needs are installed; prints those that are missing."""
    missing = [package for package in study.needs if importlib.util.find_spec(package) is None]
    if missing:
        typer.echo(f"{study.name} is left out: it needs {' '.join(missing)}, which pip installs", err=True)
    return not missing


def _has_data(study: Study, typed: Sequence[str]) -> bool:
    """Whether the data set of a study is there, or may be fetched; prints how to get it."""
    from bnlab.launch import has_data

    settings = dict(text.partition("=")[::2] for text in [*study.overrides, *typed])
    name, root = settings.get("data", "mnist"), settings.get("data.root", "null")
    there = settings.get("data.download") == "true" or has_data(name, None if root == "null" else root)
    if not there:
        typer.echo(f"{study.name} is left out: its data set is not here; data.download=true fetches it", err=True)
    return there


def _write(overrides: Sequence[str]) -> None:
    """Writes the pages of the studies whose full results are stored; pages that were written before stay."""
    if overrides and "=" not in overrides[0]:
        raise UserError(f"--write takes all studies with full results, and no name as {overrides[0]}; leave it out")
    from bnlab import studies
    from bnlab.studies import judging, pages, running

    judged, shipped = [], studies.names()
    for study in map(studies.find, shipped):
        status.show(f"reading {study.name}")
        plan = studies.planned(study, "full", overrides)
        can_be_read = _has_packages(study) and _has_data(study, overrides)
        if can_be_read and (trained := running.stored(running.prepare(plan))) is not None:
            judged.append(judging.judge(trained))
    status.clear()
    for path in pages.write(Path(), judged, shipped):
        _print(str(path))


def _list() -> None:
    """Prints a line for each shipped study: name, number of the claim, question."""
    from bnlab import studies

    for name in studies.names():
        study = studies.find(name)
        claim = f"claim {study.source.claim}" if study.source.claim else ""
        _print(f"{name:20} {claim:9} {study.question}")


def _run(plan: Plan, *, explain: bool, quiet: bool) -> Judged | None:
    """Trains what is missing of a study, and judges its hypotheses.

    Args:
        plan: the study, its budget and its settings.
        explain: train nothing; print the design, and judge what is stored.
        quiet: print nothing.

    Returns:
        The verdicts; None if `explain` is set and results are missing.
    """
    from bnlab import studies

    if not quiet:
        for line in studies.explained(plan) if explain else [f"{plan.study.name}: {plan.study.question}"]:
            _print(line)
    status.show("composing")
    from bnlab.studies import judging, running

    prepared = running.prepare(plan)
    status.clear()
    if explain:
        trained = running.stored(prepared)
        if trained is None:
            if not quiet:
                missing = f"{prepared.missing} of its {plan.replicates} replicates are not trained yet"
                _print(f"\n{missing if prepared.missing else 'not locked to this yet'}; run it: {plan.command}")
            return None
    else:
        trained = running.train(prepared)
    judged = judging.judge(trained)
    if not quiet:
        _say(judged, explain=explain)
    return judged


def _say(judged: Judged, *, explain: bool) -> None:
    """Prints the verdicts of a study; with `explain` also what the words of the verdicts mean."""
    from bnlab import studies
    from bnlab.studies import saying

    trained = judged.trained
    lock = trained.locked.lock
    _print(f"{saying.summary(judged)}; locked {lock.at}, {lock.digest[:10]}")
    if lock.trained:
        _print(f"  {lock.trained} of its {trained.plan.replicates} replicates had been trained before that")
    for verdict in judged.verdicts:
        _print(f"  {saying.sentence(verdict)}")
    for amendment in trained.locked.amendments:
        _print(f"  {amendment}")
    if explain:
        _print("")
        for line in studies.meanings({verdict.word for verdict in judged.verdicts}):
            _print(line)


def _print(line: str) -> None:
    """Prints a line, which is wrapped on a terminal only."""
    from rich.console import Console

    say(line, Console(highlight=False))
