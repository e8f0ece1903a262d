"""The versions of result.json: which one this bnlab writes, and how it reads those that others wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SCHEMA = 1

UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From an older schema to the next one. There is none, because 1 is the first."""


class DamagedResultError(Exception):
    """A file that is no result at all; the message says why."""


class OtherSchemaError(Exception):
    """A result that another version of bnlab wrote, and this one cannot read; the message says which."""


def read(path: Path) -> dict[str, Any]:
    """A result.json in this version's schema.

    Raises:
        FileNotFoundError: there is none.
        DamagedResultError: it cannot be read, or is no JSON object with a schema.
        OtherSchemaError: its schema is newer, or so old that nothing upgrades it.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise DamagedResultError(f"it cannot be read as JSON ({' '.join(str(error).split())})") from error
    if not isinstance(result, dict) or type(result.get("schema")) is not int:
        raise DamagedResultError("it is no JSON object with a schema")
    return upgraded(result)


def upgraded(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result in this version's schema. Raises OtherSchemaError."""
    current = dict(result)
    schema: Any
    while (schema := current.get("schema")) != SCHEMA:
        if schema not in UPGRADES:
            raise OtherSchemaError(f"has schema {json.dumps(schema)}; this version reads schema {SCHEMA}")
        current = UPGRADES[schema](current)
    return current
