"""Options and arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.completion import run_names


def path(text: str | Path) -> Path:
    """A path that is not empty: Path("") would be the working directory."""
    if not str(text).strip():
        raise typer.BadParameter("'' is no path; leave the option out, or write . for the working directory")
    return Path(text)


def text(given: str) -> str:
    """A text that is not empty: an empty one would choose everything, or nothing."""
    if not given.strip():
        raise typer.BadParameter("'' says nothing; leave the option out, or write a value")
    return given


RunsDir = Annotated[Path, typer.Option("--runs-dir", help="The folder of the runs.", parser=path)]
RunName = Annotated[
    str,
    typer.Argument(
        help="A run's folder name, or the beginning or end of it; /seed-N picks one.", autocompletion=run_names
    ),
]
