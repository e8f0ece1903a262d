"""Checks of paths that a user has given."""

from __future__ import annotations

import os
from pathlib import Path

from bnlab.errors import nearest


def is_folder(path: str | Path) -> bool:
    """Whether a path is a folder; False also if the system refuses to look it up, e.g. because it is too long."""
    return os.path.isdir(path)  # noqa: PTH112  # Path.is_dir raises for those


def ensure_home() -> None:
    """Gives the process the home folder / if it has none, as containers do.

    Without HOME and an entry in passwd some libraries cannot be imported. They need not be able to write there.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.sep


def why_no_folder(path: Path) -> tuple[str, str]:
    """Why a path is no folder, and a hint at the name beside it that was probably meant, or an empty text."""
    if os.path.lexists(path) and not is_folder(path):  # else another process has just made it
        return "is not a folder", ""
    siblings = {each.name for each in path.parent.iterdir()} - {path.name} if is_folder(path.parent) else set()
    return "does not exist", nearest(path.name, sorted(siblings))
