"""A run's settings as text by dotted key, {"optimizer.lr": "0.001"}, and what differs between runs in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnlab.config import setting_words


def read_settings(path: Path) -> tuple[dict[str, str], str]:
    """The settings, or nothing and the reason."""
    import yaml

    # The one written in C is ten times as fast; not every installation has it.
    safe_loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=safe_loader)
    except FileNotFoundError:
        return {}, f"no {path.name}"
    except OSError as error:
        return {}, f"{path.name} cannot be read: {error.strerror}"
    except (yaml.YAMLError, ValueError):
        return {}, f"{path.name} is not valid YAML"
    if not isinstance(tree, dict):
        return {}, f"{path.name} is no mapping of keys to values"
    settings = dict(_flat(tree))
    if "norm.target" in settings:
        settings["norm.name"] = settings["norm.target"].rpartition(":")[2]  # a user's own class goes by its name
    return settings, ""


def arms(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """Of each run the settings that differ between the runs, in words: "batch, lr 0.01".

    A setting of the norm is left out where the scheme implies it, any other where no two runs with it differ in it.
    """
    known = [settings for settings in runs if settings]
    keys = [key for key in dict.fromkeys(key for settings in known for key in settings) if _differs(key, known)]
    keys = setting_words.telling(keys, known)
    words = {key: _words(key, known) for key in keys}
    return [
        setting_words.phrase({key: words[key][settings[key]] for key in keys if key in settings}) or "-"
        for settings in runs
    ]


def _differs(key: str, runs: Sequence[Mapping[str, str]]) -> bool:
    return len({settings[key] for settings in runs if key in settings}) > 1


def _words(key: str, runs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    values = list(dict.fromkeys(settings[key] for settings in runs if key in settings))
    return dict(zip(values, setting_words.rounded(values), strict=True))


def _flat(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
            yield f"{prefix}{key}", text
