"""config.yaml: the configuration that was trained, and the hash of it that ends the name of the run's folder."""

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
"""The name of a run's folder: <label>-<hash>."""


@dataclass(frozen=True)
class StoredConfig:
    """The configuration of a stored run.

    Attributes:
        tree: the content of the file: nested mappings of plain values.
        settings: the same as printable text by dotted key, {"optimizer.lr": "0.001"}; norm.name is the class's name
            where the norm is a user's own class.
        hash: `protocol_hash` of the tree; equal for equal configurations, wherever they are stored.
    """

    tree: Mapping[str, Any]
    settings: Mapping[str, str]
    hash: str


def protocol_hash(protocol: Mapping[str, Any]) -> str:
    """The hash that names a run's folder: ten hexadecimal digits of the SHA-256 of the protocol as sorted JSON."""
    text = json.dumps(protocol, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def read_config(run: Path) -> StoredConfig:
    """The configuration in a run's folder.

    Raises:
        OSError: it cannot be read.
        DamagedError: it is no mapping of plain values, or its hash is not the one in the folder's name.
    """
    tree = yaml_mapping(read_text(run / CONFIG))
    config = StoredConfig(tree, settings_of_tree(tree), protocol_hash(tree))
    named = HASH.fullmatch(run.name)
    if named is not None and named[1] != config.hash:
        raise DamagedError(f"it was changed: its hash is {config.hash}, and the folder is named for {named[1]}")
    return config


def settings_of_tree(tree: Mapping[str, Any]) -> dict[str, str]:
    """`StoredConfig.settings` for a tree; settings that were added to bnlab later have their defaults."""
    settings = {as_text(key): value for key, value in _flat(tree)}
    for section, choices in CHOICES.items():
        if (choice := settings.get(f"{section}.name")) in choices:
            for name, default in added_settings(section, choice).items():
                settings.setdefault(f"{section}.{name}", as_text(default))
    if "norm.target" in settings:
        settings["norm.name"] = settings["norm.target"].rpartition(":")[2]
    return settings


def as_text(value: Any) -> str:
    """A value as printable text in one line: a printable string as it is, all else as JSON."""
    if isinstance(value, str) and value.isprintable():
        return value
    return _COMPACT.encode(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", as_text(value)
