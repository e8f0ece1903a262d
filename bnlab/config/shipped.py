"""The shipped configuration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
"""Their folder: inside an installed package, beside it in a checkout."""


def defaults() -> dict[str, Any]:
    """The settings of config.yaml that are in no group."""
    import yaml

    settings: dict[str, Any] = yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in settings.items() if key not in ("defaults", "hydra")}
