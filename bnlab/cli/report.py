"""`bnlab report`: compares stored runs."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.failing import INTERRUPTED, fail
from bnlab.cli.options import RunsDir, path, text
from bnlab.errors import UserError
from bnlab.machine import status


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders, folders of runs, or runs' names in --runs-dir. Default: all there.", parser=path
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Config keys that make an arm, e.g. norm.name,norm.impl. Default: what differs.")
    ] = None,
    metric: Annotated[str, typer.Option(help="The column of results to compare.")] = "test_accuracy",
    baseline: Annotated[
        str | None, typer.Option(help="The arm to compare with, e.g. norm.name=none.", parser=text)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder for the tables (CSV, Markdown, LaTeX, JSON), charts and report.html.",
            parser=path,
        ),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Differences within +- so many points (nats of losses) are practically equal.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(help="Percent (nats of losses) whose first reach is timed. Default: the baseline's end."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    plan: Annotated[
        int | None, typer.Option(help="Fix the seeds per arm: no verdict before them. Kept in the runs folder.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="The folder of another report: also say what changed since.", parser=path)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON, for programs.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Make the report anew when runs change, until Ctrl-C.")
    ] = False,
) -> None:
    """Compare stored runs: verdicts in words, then mean, sd and 95 % interval per arm, best first.

    Example: bnlab report --by norm.name --baseline norm.name=none -o comparison
    """
    status.show("starting")
    # Thousands of runs are millions of objects and hardly garbage: looking for it takes a tenth of a large report.
    gc.set_threshold(100_000)
    from rich.console import Console

    from bnlab import report as reports
    from bnlab.runs import folder_of

    keys = [key.strip() for key in (by or "").split(",") if key.strip()]
    if by is not None and not keys:
        raise UserError(f"--by '{by}' names no column; write config keys, e.g. --by norm.name, or leave it out")
    question = reports.Question(keys, metric, baseline, margin, target, plan, against)
    folders = [folder_of(run, runs_dir) for run in runs or [runs_dir]]
    console = Console(highlight=False, quiet=as_json)
    if as_json and watch:
        raise UserError("--json prints one report, and --watch makes many; leave one of them out")
    if not watch:
        made = reports.make(folders, question, output, console)
        if as_json:
            typer.echo(made.as_json(), nl=False)
        return
    try:
        reports.watch(folders, question, output, console)
    except KeyboardInterrupt:  # here, because Typer would exit without a message
        fail("no longer watching", INTERRUPTED)
