"""Giving a run tags and a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bnlab.errors import unknown
from bnlab.runs.stored import Run
from bnlab.store import Tags, write_tags


def tagged(run: Run, tags: Sequence[str], note: str | None, *, remove: bool = False) -> Run:
    """The run with these tags too, or without them, and with this note unless it is None; stored in its folder.

    Raises:
        UserError: a tag or note that cannot be, or a tag to remove that the run does not have.
        StorageError: it cannot be written.
    """
    own = run.tags.tags
    for tag in tags if remove else ():
        if tag not in own:
            raise unknown("tag", tag, own)
    kept = set(own).difference(tags) if remove else set(own).union(tags)
    changed = Tags(tuple(sorted(kept)), run.tags.note if note is None else note)
    write_tags(run.path, changed)
    return replace(run, tags=changed)
