"""config.yaml: what was trained, as plain values, as text by dotted key, and the hash that names the run's folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnlab.config import CHOICES, added_settings
from bnlab.store.reading import DamagedError, read_text, yaml_mapping

CONFIG = "config.yaml"
_COMPACT = json.JSONEncoder(separators=(",", ":"), default=str)
HASH = re.compile(r".*-([0-9a-f]{10})", re.DOTALL)
"""A run's folder as bnlab names it."""


@dataclass(frozen=True)
class StoredConfig:
    """The configuration of a stored run.

    Attributes:
        tree: plain values, nested.
        settings: the same as printable text by dotted key, {"optimizer.lr": "0.001"}; a user's own class goes by its
            name, as norm.name.
        hash: of the tree; equal for equal trainings, wherever they are stored.
    """

    tree: Mapping[str, Any]
    settings: Mapping[str, str]
    hash: str


def protocol_hash(protocol: Mapping[str, Any]) -> str:
    """The first ten hexadecimal digits of the SHA-256 of what decides a result, as JSON with sorted keys."""
    text = json.dumps(protocol, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def read_config(run: Path) -> StoredConfig:
    """The configuration in a run's folder.

    Raises:
        OSError: it cannot be read.
        DamagedError: it is no mapping of plain values, or not the one that the folder is named for.
    """
    tree = yaml_mapping(read_text(run / CONFIG))
    config = StoredConfig(tree, settings_of_tree(tree), protocol_hash(tree))
    named = HASH.fullmatch(run.name)
    if named is not None and named[1] != config.hash:
        raise DamagedError(f"it was changed: its hash is {config.hash}, and the folder is named for {named[1]}")
    return config


def settings_of_tree(tree: Mapping[str, Any]) -> dict[str, str]:
    """What `StoredConfig.settings` is of a tree."""
    settings = {as_text(key): value for key, value in _flat(tree)}
    for section, choices in CHOICES.items():
        if (choice := settings.get(f"{section}.name")) in choices:
            for name, default in added_settings(section, choice).items():
                settings.setdefault(f"{section}.{name}", as_text(default))
    if "norm.target" in settings:
        settings["norm.name"] = settings["norm.target"].rpartition(":")[2]
    return settings


def as_text(value: Any) -> str:
    """A value as printable text of one line: a text as it is if it is one, all else as JSON."""
    if isinstance(value, str) and value.isprintable():
        return value
    return _COMPACT.encode(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", as_text(value)
