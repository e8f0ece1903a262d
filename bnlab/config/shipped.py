"""The shipped configuration files."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
"""The folder conf/: in an installed package inside of it, in a checkout beside it."""


@functools.cache
def defaults() -> dict[str, Any]:
    """The settings of config.yaml that are in no group."""
    import yaml

    settings: dict[str, Any] = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in settings.items() if key not in ("defaults", "hydra")}


@functools.cache
def default_choices() -> dict[str, str]:
    """The default choice of each group, from config.yaml."""
    import yaml

    entries = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    return {section: choice for section, choice in pairs if choice is not None and " " not in section}


@functools.cache
def defaults_of(section: str, choice: str) -> dict[str, Any]:
    """The default settings of a choice, as in conf/norm/batch.yaml; empty for a choice that bnlab does not ship."""
    import yaml

    try:
        text = (CONF / section / f"{choice}.yaml").read_text(encoding="utf-8")
    except OSError:
        return {}
    settings: dict[str, Any] = yaml.safe_load(text)
    return settings
