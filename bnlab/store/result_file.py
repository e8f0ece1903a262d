"""The versions of result.json: which one this bnlab writes, and how it reads those that others wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any

from bnlab.errors import shown

SCHEMA = 1

TYPES: Mapping[str, tuple[type | UnionType, str]] = {
    "seed": (int, "a whole number"),
    "state": (str, "a text"),
    "final": (dict, "a mapping of names to numbers"),
    "seconds": (int | float, "a number"),
    "parameters": (int, "a whole number"),
    "diverged_at_step": (int, "a whole number"),
    "error": (str, "a text"),
    "resumed_at_steps": (list, "a list of whole numbers"),
    "command": (str, "a text"),
    "environment": (dict, "a mapping"),
    "conventions": (dict, "a mapping"),
}
"""What the keys hold that are neither missing nor null, and that in words."""

UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From an older schema to the next one. There is none, because 1 is the first."""


class DamagedResultError(Exception):
    """A file that is no result at all; the message says why."""


class OtherSchemaError(Exception):
    """A result that another version of bnlab wrote, and this one cannot read; the message says which."""


def read(path: Path) -> dict[str, Any]:
    """A result.json in this version's schema, without the keys that are null, and with `final`.

    Raises:
        FileNotFoundError: there is none.
        DamagedResultError: it cannot be read, is no JSON object with a schema, or a key holds another type.
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
    current = upgraded(result)
    check(current)
    return {"final": {}} | {key: value for key, value in current.items() if value is not None}


def check(result: Mapping[str, Any]) -> None:
    """Raises DamagedResultError if a known key of a result in this version's schema holds another type."""
    for key, (kind, words) in TYPES.items():
        _check(key, result.get(key), kind, words)
    for name, value in (result.get("final") or {}).items():
        _check(f"final.{name}", value, int | float, "a number")
    for step in result.get("resumed_at_steps") or []:
        _check("resumed_at_steps", step, int, "a list of whole numbers")


def _check(key: str, value: object, kind: type | UnionType, words: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
        raise DamagedResultError(f"it has {shown(key)} {shown(json.dumps(value))}; {words} is expected")


def upgraded(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result in this version's schema. Raises OtherSchemaError."""
    current = dict(result)
    schema: Any
    while (schema := current.get("schema")) != SCHEMA:
        if schema not in UPGRADES:
            raise OtherSchemaError(f"has schema {json.dumps(schema)}; this version reads schema {SCHEMA}")
        current = UPGRADES[schema](current)
    return current
