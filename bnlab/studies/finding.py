"""Finds a study: a shipped one by its name, or any by its file."""

from __future__ import annotations

from pathlib import Path

from bnlab.config import CONF
from bnlab.errors import UserError, shown, unknown
from bnlab.studies.design import Study
from bnlab.studies.reading import read

FOLDER = CONF / "study"
SUFFIX = ".yaml"


def names() -> list[str]:
    """The names of the shipped studies, in the order of the article's claims, then by name."""
    found = [read(path, path.stem) for path in FOLDER.glob(f"*{SUFFIX}")]
    return [study.name for study in sorted(found, key=lambda study: (study.source.claim or 100, study.name))]


def find(name: str) -> Study:
    """A shipped study by its name, or the one in a file that ends in .yaml.

    Raises:
        UserError: there is no such study, or it cannot be read.
    """
    if name.endswith((SUFFIX, ".yml")):
        if not Path(name).exists():
            raise UserError(f"study file {shown(name)} does not exist; see docs/studies.md for how to write one")
        return read(Path(name), name)
    path = FOLDER / f"{name}{SUFFIX}"
    known = [each.stem for each in FOLDER.glob(f"*{SUFFIX}")]
    if name not in known:
        raise unknown("study", name, known)
    return read(path, name)
