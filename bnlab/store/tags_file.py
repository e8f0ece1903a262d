"""tags.json beside a run's config.yaml: the user's tags and note, which do not change the run's folder or results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bnlab.config import check_tags
from bnlab.errors import UserError, shown
from bnlab.store.files import replace
from bnlab.store.reading import DamagedError, json_object, read_text

TAGS = "tags.json"
LONGEST_NOTE = 500


@dataclass(frozen=True)
class Tags:
    """A user's tags and note for a run.

    Attributes:
        tags: in alphabetical order.
        note: one line, or "".
    """

    tags: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        """Raises UserError for a tag that is not allowed, or a note that is too long or not one printable line."""
        check_tags(self.tags)
        if len(self.note) > LONGEST_NOTE or not (self.note == "" or self.note.isprintable()):
            raise UserError(f"the note is not allowed; allowed: one line of at most {LONGEST_NOTE} characters")


def read_tags(run: Path) -> Tags:
    """The tags and the note in a run's folder; empty if there is no file.

    Raises:
        UserError: the file cannot be read, or is not one that bnlab writes.
    """
    path = run / TAGS
    try:
        content = json_object(read_text(path))
        tags, note = content["tags"], content["note"]
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags) or not isinstance(note, str):
            raise DamagedError("it holds no list of tags and a note")
        return Tags(tuple(tags), note)
    except FileNotFoundError:
        return Tags()
    except (OSError, DamagedError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{shown(path)} cannot be read ({reason}); mend or remove it") from error


def add_tags(run: Path, tags: Iterable[str]) -> None:
    """Adds tags to those of a run. Raises StorageError, and UserError as `read_tags` does."""
    before = read_tags(run)
    after = Tags(tuple(sorted({*before.tags, *tags})), before.note)
    if after != before:
        write_tags(run, after)


def write_tags(run: Path, tags: Tags) -> None:
    """Replaces a run's tags and note. Raises StorageError."""
    replace(run / TAGS, json.dumps(asdict(tags), ensure_ascii=False) + "\n")
