"""tags.json beside a run's config.yaml: words and a note of the user's, which are no part of its address."""

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
    """What a user calls a run, in the order of the alphabet, and a note of one line."""

    tags: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        """Raises UserError for a tag or a note that cannot be shown in a line."""
        check_tags(self.tags)
        if len(self.note) > LONGEST_NOTE or not (self.note == "" or self.note.isprintable()):
            raise UserError(f"the note is not allowed; allowed: one line of at most {LONGEST_NOTE} characters")


def read_tags(run: Path) -> Tags:
    """The tags in a run's folder; none where there is no file.

    Raises:
        UserError: the file is none that bnlab writes.
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
    """Gives a run these tags too. Raises StorageError, and UserError as `read_tags` does."""
    before = read_tags(run)
    after = Tags(tuple(sorted({*before.tags, *tags})), before.note)
    if after != before:
        write_tags(run, after)


def write_tags(run: Path, tags: Tags) -> None:
    """Replaces the file as a whole. Raises StorageError."""
    replace(run / TAGS, json.dumps(asdict(tags), ensure_ascii=False) + "\n")
