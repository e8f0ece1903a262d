"""`bnlab runs`: list, show, remove and export what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnlab.errors import UserError
from bnlab.options import RunName, RunsDir, path

app = typer.Typer(
    help="List the stored runs and their states; show, remove or export them.", invoke_without_command=True
)


@app.callback()
def list_all(
    context: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only replicates in this state: done, diverged, running, interrupted, failed or unreadable."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only runs whose name holds this text.")] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """List the stored runs: seeds, state, last metric, age and size, and what resumes those that were interrupted.

    Example: bnlab runs --state interrupted --state failed
    """
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from bnlab.runs import read, select
    from bnlab.runs.show import show_all

    show_all(select(read(runs_dir), state or (), name), Console(highlight=False))


@app.command("show")
def show(run: RunName, runs_dir: RunsDir = Path("runs")) -> None:
    """Show one run: its configuration, every seed's results, and where they were made.

    Example: bnlab runs show batch-native-mlp
    """
    from rich.console import Console

    from bnlab.runs import find, read
    from bnlab.runs.show import show_one

    show_one(find(read(runs_dir), run), Console(highlight=False))


@app.command("rm")
def remove(
    names: Annotated[list[str] | None, typer.Argument(metavar="[RUN[/seed-N]]...", help="What to remove.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only replicates in this state.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove; without it only what would be removed is listed.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Remove runs, or only those of their seeds in some state. Without --yes nothing is removed.

    Example: bnlab runs rm --state failed --yes
    """
    from rich.console import Console

    from bnlab.runs import find, read, select
    from bnlab.runs.show import show_removal

    if not names and not state:
        raise UserError("say what to remove: RUN, RUN/seed-N or --state STATE, e.g. bnlab runs rm --state failed")
    stored = read(runs_dir)
    chosen = [find(stored, name) for name in names] if names else stored
    show_removal(select(chosen, state or ()), really=yes, console=Console(highlight=False))


@app.command("export")
def export(
    output: Annotated[Path, typer.Argument(metavar="FILE.csv|FILE.parquet", help="The file to write.", parser=path)],
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write all replicates to one table: config, state, environment and final metrics, a row each.

    Example: bnlab runs export runs.csv
    """
    from rich.console import Console

    from bnlab.report.export import export as write

    write([runs_dir], output, Console(highlight=False))
