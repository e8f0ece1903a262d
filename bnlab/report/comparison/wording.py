"""Words that several parts of a report share."""

import re
from collections.abc import Sequence


def listed(items: Sequence[str], shown: int) -> str:
    """The first `shown` items as "a, b, c and 4 more"; separated by semicolons if an item contains a comma."""
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    between = "; " if any("," in re.sub(r"\[.*?\]", "", item) for item in items[:shown]) else ", "
    return between.join(items[:shown]) + more


def plural(count: int | None, word: str) -> str:
    """The word, with an s unless the count is 1."""
    return word if count == 1 else f"{word}s"


def without_breaks(text: str) -> str:
    """The text with spaces instead of line breaks, which names of arms may contain."""
    return " ".join(text.splitlines())


def sort_key(text: str) -> tuple[float, str]:
    """The key to sort values of a setting by: words first, then numbers by size."""
    try:
        return float(text), text
    except ValueError:
        return float("-inf"), text
