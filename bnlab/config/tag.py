"""What a tag may be: a word that a run is found by, no part of its address."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bnlab.errors import UserError, shown

TAG = re.compile(r"[^\W_][\w.-]{0,39}")


def check_tags(tags: Iterable[str]) -> None:
    """Raises UserError for the first one that cannot be shown in a line."""
    for tag in tags:
        if TAG.fullmatch(tag) is None:
            allowed = "1 to 40 letters, digits, '.', '-' and '_'"
            raise UserError(f"tag '{shown(tag)}' is not allowed; allowed: {allowed}")
