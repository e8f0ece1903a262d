"""Checks the user's own config files before Hydra reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bnlab.config import CHOICES, CONF, RunConfig
from bnlab.errors import UserError, shown
from bnlab.machine import is_folder, why_no_folder

DEEPEST, MOST_VALUES = 10, 10_000
"""The largest depth of nesting and number of values in a config file."""
PRIMARY = "config"
"""The name of the primary config, with which Hydra begins, unless --config-name gives another."""
LISTED = 5
"""How many missing settings a message names."""


def check_folders(config_path: str | None, config_dir: str | None) -> None:
    """Raises UserError if the folder of --config-path or --config-dir cannot be used."""
    if config_path is not None and not Path(config_path).is_absolute():
        path = shown(config_path)
        raise UserError(
            f"--config-path={path} has to be the absolute path of a folder that takes the place of bnlab's own "
            f"configurations; to add a folder of yours write --config-dir={path}"
        )
    if config_dir is not None and not is_folder(config_dir):
        folder = Path(config_dir)
        reason, hint = why_no_folder(folder)
        raise UserError(f"--config-dir={shown(folder)} {reason}; give one with config files of yours.{hint}")


def folders_of(config_path: str | None, config_dir: str | None) -> list[Path]:
    """The folders with config files: the user's own, if there is one, and the shipped one or its replacement."""
    return [*([] if config_dir is None else [Path(config_dir)]), CONF if config_path is None else Path(config_path)]


def check_file(path: Path) -> None:
    """Raises UserError if a config file exists and is no YAML mapping."""
    if not path.is_file():
        return
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        _check_size(content)
        OmegaConf.load(path)  # refuses a key that is there twice
    except (OSError, ValueError, RecursionError, yaml.YAMLError, OmegaConfBaseException) as error:
        why = shown(" ".join(str(error).split()), longest=400)
        raise UserError(f"{path} cannot be read as YAML: {why}") from error
    if not isinstance(content, dict | None):
        raise UserError(f"{path} holds {shown(content)}; a config file holds settings, e.g. 'epochs: 3'")


def _check_size(content: Any) -> None:
    """Raises ValueError for values that are nested too deeply, or too many once YAML aliases are written out."""
    level, count = [content], 0
    for _ in range(DEEPEST):
        count += len(level)
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inside(each)]
        if count + len(level) > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES} values, those of its aliases counted")
    if level:
        raise ValueError(f"its values lie deeper in each other than {DEEPEST} levels")


def _inside(values: dict[Any, Any] | list[Any]) -> list[Any]:
    return list(values.values()) if isinstance(values, dict) else values


def check_primary(name: str | None, folders: Sequence[Path]) -> None:
    """Raises UserError for the user's own primary config if it lacks settings and does not build on the shipped one.

    Hydra would compose it, and then refuse the first setting that is missing.
    """
    name = (name or PRIMARY).removesuffix(".yaml")
    path = _found(name, folders)
    if path is None or path.parent == CONF:
        return
    check_file(path)
    there = set(_keys(path, folders))
    missing = [name for name in dict.fromkeys([*CHOICES, *(f.name for f in fields(RunConfig))]) if name not in there]
    if not missing:
        return
    what = f"{path} says nothing of {', '.join(missing[:LISTED])}{', ...' if len(missing) > LISTED else ''}"
    if folders[-1] != CONF:
        folder = shown(path.parent)
        raise UserError(
            f"{what}: --config-path takes the place of all that bnlab ships; write --config-dir={folder} "
            f"--config-name={name}, and let the file begin with 'defaults: [{PRIMARY}, _self_]'"
        )
    raise UserError(f"{what}; let it begin with 'defaults: [{PRIMARY}, _self_]'")


def _found(name: str, folders: Sequence[Path]) -> Path | None:
    return next((path for folder in folders if (path := folder / f"{name}.yaml").is_file()), None)


def _keys(path: Path, folders: Sequence[Path], depth: int = 9) -> Iterator[str]:
    """The keys that a config sets: its own, the groups in its defaults list, and those of the configs it builds on."""
    content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    yield from (str(key) for key in content)
    defaults = content.get("defaults")
    for entry in defaults if isinstance(defaults, list) and depth else []:
        if isinstance(entry, dict):
            yield from (str(key).split()[-1].lstrip("/") for key in entry)
            continue
        base = _found(str(entry).lstrip("/"), folders)
        if base is not None and base != path:
            yield from _keys(base, folders, depth - 1)
