"""Changes the tags and the note of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bnlab.errors import unknown
from bnlab.runs.stored import Run
from bnlab.store import Tags, write_tags


def tagged(run: Run, tags: Sequence[str], note: str | None, *, remove: bool = False) -> Run:
    """Adds tags to a run, or removes them, sets its note unless that is None, and stores both in the run's folder.

    Raises:
        UserError: a tag or note is not allowed, or the run does not have a tag that is to be removed.
        StorageError: the file cannot be written.
    """
    own = run.tags.tags
    for tag in tags if remove else ():
        if tag not in own:
            raise unknown("tag", tag, own)
    kept = set(own).difference(tags) if remove else set(own).union(tags)
    changed = Tags(tuple(sorted(kept)), run.tags.note if note is None else note)
    write_tags(run.path, changed)
    return replace(run, tags=changed)
