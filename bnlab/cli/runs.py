"""`bnlab runs`: list, show, remove and export what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnlab.cli.options import RunName, RunsDir, path, text
from bnlab.errors import UserError
from bnlab.machine import status

if TYPE_CHECKING:
    from bnlab.runs import Run

Where = Annotated[
    list[str] | None,
    typer.Option(help="Only runs with this setting: norm.name=batch,layer is one of the two. Several must all hold."),
]
Older = Annotated[
    str | None, typer.Option(help="Only replicates last written so long ago: 30min, 12h, 7d, 2w.", parser=text)
]

States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="Only replicates in this state: done, diverged, running, interrupted, failed, unreadable or empty.",
    ),
]
Name = Annotated[str | None, typer.Option(help="Only runs whose name holds this text.", parser=text)]
HasTag = Annotated[list[str] | None, typer.Option("--tag", help="Only runs with this tag. Several must all be there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")]

app = typer.Typer(
    help="List the stored runs and their states; show, compare, check, remove or export them.",
    invoke_without_command=True,
)


@app.callback()
def list_all(
    context: typer.Context,
    state: States = None,
    name: Name = None,
    where: Where = None,
    older: Older = None,
    tag: HasTag = None,
    as_json: AsJson = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """List the stored runs: arm, seeds, state, last metric, age and size, and what resumes the interrupted ones.

    The arm is what differs between the listed runs.

    Example: bnlab runs --state interrupted --where norm.name=batch,layer
    """
    if context.invoked_subcommand is None:
        list_runs(state, name, where, older, tag, as_json, runs_dir)


@app.command("ls")
def list_runs(
    state: States = None,
    name: Name = None,
    where: Where = None,
    older: Older = None,
    tag: HasTag = None,
    as_json: AsJson = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """List the stored runs, as `bnlab runs` alone does.

    Example: bnlab runs ls --state done --json
    """
    stored = _read(runs_dir)
    from rich.console import Console

    from bnlab.runs import as_json as in_json
    from bnlab.runs import select, show_all

    chosen = select(stored, state or (), name, where or (), older, tag or ())
    if as_json:
        typer.echo(in_json(chosen))
        return
    nothing = f"none of the {len(stored)} runs matches" if stored else f"no runs in {runs_dir}; train one: bnlab train"
    show_all(chosen, Console(highlight=False), nothing)


@app.command("diff")
def difference(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or the beginning or end of it.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another one.")],
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show what two runs differ in: settings, versions and machine, and their accuracies.

    Example: bnlab runs diff batch-native-mlp none-mlp
    """
    stored = _read(runs_dir)
    from rich.console import Console

    from bnlab.runs import find, show_difference

    show_difference(find(stored, first), find(stored, second), Console(highlight=False))


@app.command("tag")
def tag_run(
    run: RunName,
    tags: Annotated[list[str] | None, typer.Argument(metavar="[TAG]...", help="Words to find the run by.")] = None,
    note: Annotated[str | None, typer.Option(help="A note of one line; an empty one removes it.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take these tags away instead.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Give a run tags and a note; without either show what it has. Neither changes its address or a result.

    Example: bnlab runs tag batch-native-mlp thesis figure-3 --note "for chapter 2"
    """
    stored = _read(runs_dir)
    from rich.console import Console

    from bnlab.runs import find, show_tags, tagged

    found = find(stored, run)
    changed = tagged(found, tags or (), note, remove=remove) if tags or note is not None else found
    show_tags(changed, Console(highlight=False))


@app.command("show")
def show(run: RunName, runs_dir: RunsDir = Path("runs")) -> None:
    """Show one run: its configuration, every seed's results, and where they were made.

    Example: bnlab runs show batch-native-mlp
    """
    stored = _read(runs_dir)
    from rich.console import Console

    from bnlab.runs import find, show_one

    show_one(find(stored, run), Console(highlight=False))


@app.command("rm")
def remove(
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN[/seed-N]]...", help="What to remove.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only replicates in this state.")] = None,
    where: Where = None,
    older: Older = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove; without it only what would be removed is listed.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Remove runs, or only those of their seeds in some state. Without --yes nothing is removed.

    Example: bnlab runs rm --state failed --yes
    """
    if not (names or state or where or older is not None):
        raise UserError(
            "say what to remove: RUN, RUN/seed-N, --state STATE, --where SETTING=VALUE or --older AGE, "
            "e.g. bnlab runs rm --state failed"
        )
    stored = _read(runs_dir)
    from rich.console import Console

    from bnlab.runs import find, select, show_removal

    chosen = [find(stored, name) for name in names] if names else stored
    show_removal(select(chosen, state or (), None, where or (), older), really=yes, console=Console(highlight=False))


@app.command("check")
def check(runs_dir: RunsDir = Path("runs")) -> None:
    """Check every file by the digest that was stored with it; exit code 1 if something does not hold.

    Example: bnlab runs check
    """
    status.show(f"checking {runs_dir}")
    from rich.console import Console

    from bnlab import runs

    checked = runs.check(runs_dir)
    status.clear()
    runs.show_check(checked, Console(highlight=False))
    if checked.faults:
        raise typer.Exit(1)


@app.command("export")
def export(
    output: Annotated[
        Path,
        typer.Argument(metavar="FILE.csv|FILE.parquet|-", help="The file to write; - is CSV on stdout.", parser=path),
    ],
    probes: Annotated[bool, typer.Option("--probes", help="What probes have measured instead, all rows.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write all replicates to one table: config, state, environment and final metrics, a row each.

    Example: bnlab runs export runs.csv
    """
    status.show(f"reading {runs_dir}")
    from rich.console import Console

    from bnlab.report.export_file import export as write

    write([runs_dir], output, Console(highlight=False, stderr=str(output) == "-"), probes=probes)


def _read(runs_dir: Path) -> list[Run]:
    """All runs of the folder. Shows that it is reading, because a large folder and the imports take seconds."""
    status.show(f"reading {runs_dir}")
    from bnlab.runs import read

    runs = read(runs_dir)
    status.clear()
    return runs
