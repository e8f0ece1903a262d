"""Grouping replicates into arms, so that replicates of different data, protocol or versions are never mixed."""

from collections.abc import Sequence

import pandas as pd

from bnlab.config import setting_words, unknown_key
from bnlab.report.comparison.frame import ENVIRONMENT, config_columns, environment_columns
from bnlab.report.comparison.wording import listed, sort_key
from bnlab.store import FINISHED

ABSENT = "-"
ALL = "all"
SHOWN = 4
PROTOCOL = ("epochs", "steps")
VERSIONS = (f"{ENVIRONMENT}bnlab", f"{ENVIRONMENT}torch")


def group(frame: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Groups the replicates into arms.

    Runs of different data, protocol or versions are never one arm: if one of these settings differs inside an arm, the
    arm is split by it, and a note says so. Other settings that differ inside an arm are pooled, with a note.

    Args:
        frame: from `frame.read`.
        by: the columns whose values define an arm; empty: all settings that differ between the runs.

    Returns:
        The frame with a column "arm" ("norm.name=batch"), the columns that define the arms, and the notes.

    Raises:
        UserError: a column that the runs do not have.
    """
    columns = ["run", *config_columns(frame), *environment_columns(frame)]
    for name in by:
        if name not in columns:
            raise unknown_key("column", name, columns)
    asked = list(dict.fromkeys(by)) or differing(frame)
    # Only trained replicates can be mixed up: one that is still running may not have stored its versions yet.
    trained = frame[frame["state"].isin(FINISHED)]
    strict = [name for name in columns if _is_strict(name) and name not in asked]
    splitting = _varying_inside(trained, asked, strict)
    keys = asked + splitting
    notes = [_split_note(trained, name) for name in splitting]
    notes += [_confounded_note(trained, name) for name in strict if name not in splitting and _varies(trained[name])]
    loose = [name for name in config_columns(frame) if name not in keys and name not in strict]
    notes += [_pooled_note(trained, name) for name in _varying_inside(trained, keys, loose)]
    return frame.assign(arm=labels(frame, keys)), keys, notes


def differing(frame: pd.DataFrame) -> list[str]:
    """The config keys whose values tell the runs apart.

    A key that only some schemes have ("norm.num_groups") is left out if the other keys already tell which runs have it.
    """
    names = config_columns(frame)
    keys = [name for name in names if frame[name].nunique() > 1]
    for name in names:
        if name not in keys and _varying_inside(frame, keys, [name]):
            keys.append(name)
    return keys


def labels(frame: pd.DataFrame, keys: Sequence[str]) -> "pd.Series[str]":
    """The arm of each row: "norm.name=batch, norm.impl=native", or "all" without keys."""
    rows = frame[list(keys)].fillna(ABSENT).to_numpy().tolist()
    names = [", ".join(f"{key}={value}" for key, value in zip(keys, row, strict=True)) or ALL for row in rows]
    return pd.Series(names, index=frame.index, dtype="object")


def unlike(frame: pd.DataFrame) -> dict[str, str]:
    """By arm, in words: the data, protocol and versions that differ between the arms, so that they are confounded.

    Args:
        frame: with the column "arm", as from `group`.
    """
    trained = frame[frame["state"].isin(FINISHED)]
    keys = [name for name in [*config_columns(frame), *environment_columns(frame)] if _is_strict(name)]
    keys = [name for name in keys if _varies(trained[name])]
    first = trained.drop_duplicates("arm").set_index("arm")[keys].fillna(ABSENT)
    rows = first.to_dict("index").items()
    return {str(arm): ", ".join(f"{key} {value}" for key, value in row.items()) for arm, row in rows}


def _is_strict(name: str) -> bool:
    return name in PROTOCOL or name in VERSIONS or name.startswith(("data.", "engine."))


def _varies(values: "pd.Series[str]") -> bool:
    return values.nunique(dropna=False) > 1


def _varying_inside(frame: pd.DataFrame, keys: Sequence[str], candidates: Sequence[str]) -> list[str]:
    """The candidate columns that take several values inside at least one of the arms that the keys define."""
    varying = [name for name in candidates if _varies(frame[name])]
    if not varying:
        return []
    arm = labels(frame, keys)
    return [name for name in varying if (frame[name].groupby(arm).nunique(dropna=False) > 1).any()]


def _split_note(frame: pd.DataFrame, name: str) -> str:
    return f"not pooled: {name} differs inside an arm ({_values(frame[name])}), so it has a column of its own"


def _confounded_note(frame: pd.DataFrame, name: str) -> str:
    return f"not like with like: {name} differs between the arms ({_values(frame[name])})"


def _pooled_note(frame: pd.DataFrame, name: str) -> str:
    return f"pooled: {name} differs inside an arm ({_values(frame[name])}); add it to --by to tell them apart"


def _values(values: "pd.Series[str]") -> str:
    distinct = sorted(values.fillna(ABSENT).unique(), key=sort_key)
    return listed(setting_words.rounded(distinct), SHOWN)
