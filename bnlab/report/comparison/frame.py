"""Run folders as one table: a row per replicate."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from bnlab.config import DEFAULT_ENGINE
from bnlab.errors import UserError, shown
from bnlab.machine import is_folder, why_no_folder
from bnlab.store import result_file

STATES = ("done", "diverged", "failed", "running", "interrupted")
OWN = ("run", "seed", "state", "error", "folder", "seconds", "parameters")
ENVIRONMENT = "environment."
# Equal in all of these, two rows are copies of one replicate, and counting both would feign a second one.
IDENTITY = ("run", "seed", f"{ENVIRONMENT}bnlab", f"{ENVIRONMENT}torch")


# The one written in C is ten times as fast; not every installation has it.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _BrokenError(Exception):
    """A folder that cannot be read, with the reason."""


def read(folders: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """One row per replicate, and a warning line for each folder that was skipped.

    Columns: `run` (the folder's name), `seed`, `state`, `error` (empty if there is none), `folder`, `seconds` of
    training and `parameters` (NaN if not stored), the config by dotted key ("norm.name"), "environment.torch" and so
    on, and the final metrics ("test_accuracy", a fraction). Only numbers of these are floats; config and environment
    are text ("0.001", "true", "null", "[128,64]"), NaN where a run lacks the key.

    Args:
        folders: run folders, or folders that hold run folders.

    Raises:
        UserError: a folder does not exist, or there is no replicate that can be read.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    warnings: list[str] = []
    for run in _run_folders(folders):
        for folder, row in _replicates(run):
            if isinstance(row, _BrokenError):
                warnings.append(f"skipped {folder}: {row}")
            elif (identity := tuple(row.get(key) for key in IDENTITY)) in rows:
                warnings.append(f"skipped {folder}: the same replicate was already read from another folder")
            else:
                rows[identity] = row
    if not rows:
        where = ", ".join(f"'{folder}'" for folder in folders)
        reasons = f" ({'; '.join(warnings)})" if warnings else ""
        raise UserError(f"no run to report in {where}{reasons}; train one first: bnlab train")
    frame = pd.DataFrame(list(rows.values()))
    if "engine.name" in frame:
        frame["engine.name"] = frame["engine.name"].fillna(DEFAULT_ENGINE["name"])
    return frame.sort_values(["run", "seed"], kind="stable", ignore_index=True), warnings


def config_columns(frame: pd.DataFrame) -> list[str]:
    """The columns that come from config.yaml."""
    other = {*OWN, *metric_columns(frame)}
    return [name for name in frame.columns if name not in other and not name.startswith(ENVIRONMENT)]


def environment_columns(frame: pd.DataFrame) -> list[str]:
    """The columns that say where a replicate was trained."""
    return [name for name in frame.columns if name.startswith(ENVIRONMENT)]


def metric_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of final metrics."""
    return [name for name in frame.select_dtypes("float").columns if name not in OWN]


def as_text(value: Any) -> str:
    """A config value as compact text: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)


def _run_folders(folders: Sequence[Path]) -> list[Path]:
    runs: dict[Path, Path] = {}
    for folder in folders:
        if not is_folder(folder):
            reason, hint = why_no_folder(folder)
            raise UserError(
                f"runs folder '{shown(folder)}' {reason}; give run folders, or a folder that holds them.{hint}"
            )
        found = [folder] if _is_run(folder) else _subfolders(folder)
        runs |= {path.resolve(): path for path in found if not path.name.startswith(".")}
    return list(runs.values())


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").exists() or any(folder.glob("seed-*"))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _replicates(run: Path) -> Iterator[tuple[Path, dict[str, Any] | _BrokenError]]:
    """Each replicate's folder with its row, or the run's or the replicate's folder with what is wrong with it."""
    try:
        config = _config(run)
        with os.scandir(run) as entries:
            seeds = sorted(entry.name for entry in entries if entry.name.startswith("seed-") and entry.is_dir())
        if not seeds:
            raise _BrokenError("no seed-N folder")
    except _BrokenError as broken:
        yield run, broken
        return
    name = run.resolve().name
    for folder in (run / seed for seed in seeds):
        try:
            yield folder, {"run": name} | _own(folder, config)
        except _BrokenError as broken:
            yield folder, broken


def _config(run: Path) -> dict[str, str]:
    text = _text(run / "config.yaml")
    try:
        config = dict(_flat(_mapping(yaml.load(text, Loader=SAFE_LOADER), "config.yaml")))
    except (yaml.YAMLError, ValueError) as error:
        raise _BrokenError(f"config.yaml is not valid YAML: {_one_line(error)}") from error
    if "norm.target" in config:
        config["norm.name"] = config["norm.target"].rpartition(":")[2]  # a user's own class goes by its name
    return config


def _own(folder: Path, config: Mapping[str, str]) -> dict[str, Any]:
    text = _text(folder / "result.json")
    try:
        result = result_file.upgraded(_mapping(json.loads(text), "result.json"))
        result_file.check(result)
    except result_file.OtherSchemaError as error:
        raise _BrokenError(f"result.json {error}") from error
    except result_file.DamagedResultError as error:
        raise _BrokenError(f"result.json is damaged: {error}") from error
    except ValueError as error:
        raise _BrokenError(f"result.json is not valid JSON: {_one_line(error)}") from error
    seed, state = result.get("seed"), result.get("state")
    if type(seed) is not int:
        raise _BrokenError(f"result.json has the seed {as_text(seed)}; a whole number is expected")
    if state not in STATES:
        raise _BrokenError(f"result.json has the state {as_text(state)}; allowed: {', '.join(STATES)}")
    return {
        "seed": seed,
        "state": state,
        "error": _one_line(result.get("error") or ""),
        "folder": str(folder),
        "seconds": _number(result.get("seconds")),
        "parameters": _number(result.get("parameters")),
        **config,
        **dict(_flat(result.get("environment") or {}, ENVIRONMENT)),
        **{name: _number(value) for name, value in (result.get("final") or {}).items()},
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _BrokenError(f"no {path.name}") from error
    except (OSError, ValueError) as error:
        raise _BrokenError(f"{path.name} cannot be read: {_one_line(error)}") from error


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _BrokenError(f"{what} is no mapping of keys to values")
    return value


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", as_text(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
