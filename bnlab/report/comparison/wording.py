"""Words that several parts of a report share."""

import re
from collections.abc import Sequence


def listed(items: Sequence[str], shown: int) -> str:
    """As in "a, b, c and 4 more": no more than so many of the items; semicolons part words with commas."""
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    between = "; " if any("," in re.sub(r"\[.*?\]", "", item) for item in items[:shown]) else ", "
    return between.join(items[:shown]) + more


def plural(count: int | None, word: str) -> str:
    """The word, with an s unless there is one."""
    return word if count == 1 else f"{word}s"


def without_breaks(text: str) -> str:
    """The text with spaces for its line breaks, which names of arms may have."""
    return " ".join(text.splitlines())


def sort_key(text: str) -> tuple[float, str]:
    """Puts the values of a setting in order: words first, then numbers by size."""
    try:
        return float(text), text
    except ValueError:
        return float("-inf"), text
