"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.completion import run_names


def path(text: str | Path) -> Path:
    """Parses a path. Raises BadParameter for an empty one, as Path("") would be the working directory."""
    if not str(text).strip():
        raise typer.BadParameter("'' is no path; leave the option out, or write . for the working directory")
    return Path(text)


def text(given: str) -> str:
    """Parses a text. Raises BadParameter for an empty one, which would match everything, or nothing."""
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
