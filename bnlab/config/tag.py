"""Tags: words by which runs are found. They are no part of a run's address."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bnlab.errors import UserError, shown

TAG = re.compile(r"[^\W_][\w.-]{0,39}")


def check_tags(tags: Iterable[str]) -> None:
    """Raises UserError for the first tag that is not allowed."""
    for tag in tags:
        if TAG.fullmatch(tag) is None:
            allowed = "1 to 40 letters, digits, '.', '-' and '_'"
            raise UserError(f"tag '{shown(tag)}' is not allowed; allowed: {allowed}")
