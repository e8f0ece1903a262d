"""Reading run folders into one table with a row per replicate."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bnlab.config import CHOICES, DEFAULT_ENGINE, LENGTH
from bnlab.errors import UserError, shown
from bnlab.machine import is_folder, why_no_folder
from bnlab.report.comparison.wording import listed, plural
from bnlab.store import (
    METRICS_FILE,
    PROBES_FILE,
    TIMING_FILE,
    Result,
    StoredConfig,
    StoredRun,
    answers_file,
    as_text,
    identity,
    index_file,
    read_run,
    read_runs,
)

DIGESTS = {
    METRICS_FILE: "digest_of_metrics",
    TIMING_FILE: "digest_of_timing",
    PROBES_FILE: "digest_of_probes",
    answers_file.ANSWERS: "digest_of_answers",
}
"""By file, the column with its stored digest; "" if there is no such file, or an older version stored no digests."""
OWN = ("run", "seed", "state", "error", "folder", "seconds", "parameters", *DIGESTS.values())
RESERVED = {*OWN, "arm"}
ENVIRONMENT = "environment."
COPIES_SHOWN = 1
"""How many copies a warning names; there may be many, e.g. of all replicates under a second label."""


def read(folders: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Reads run folders: one row per replicate, and the warnings.

    Columns: `run` (the folder's name), `seed`, `state`, `error` (empty if there is none), `folder`, `seconds` of
    training and `parameters` (NaN if not stored), those of `DIGESTS`, the config by dotted key ("norm.name"), the
    environment ("environment.torch"), and the final metrics ("test_accuracy", a fraction). Seconds, parameters and
    metrics are floats; config and environment are text ("0.001", "true", "null", "[128,64]"), NaN if a run lacks the
    key.

    Args:
        folders: run folders, or folders that hold run folders.

    Returns:
        The table, sorted by run and seed, and the warnings: a line for each folder that was skipped, and one for all
        copies of other replicates.

    Raises:
        UserError: a folder does not exist, or there is no replicate that can be read.
    """
    rows: dict[tuple[object, ...], dict[str, Any]] = {}
    warnings: list[str] = []
    copies: list[str] = []
    for run in _runs(folders):
        for folder, found in _results(run):
            if isinstance(found, str) or run.config is None:
                warnings.append(f"skipped {shown(folder)}: {found}")
            elif (key := identity(run.config, found)) in rows:
                copies.append(f"{shown(folder)} repeats {shown(rows[key]['folder'])}")
            else:
                rows[key] = _row(run, run.config, folder, found)
    if copies:
        what = f"{len(copies)} {plural(len(copies), 'replicate')} of the same configuration and seed as another"
        warnings.append(f"skipped {what}: {listed(copies, COPIES_SHOWN)}")
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
    """The columns with the versions and the hardware that a replicate was trained with."""
    return [name for name in frame.columns if name.startswith(ENVIRONMENT)]


def metric_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of final metrics."""
    return [name for name in frame.select_dtypes("float").columns if name not in OWN]


def _runs(folders: Sequence[Path]) -> Iterator[StoredRun]:
    """The runs in these folders, each once, even if a folder is given twice."""
    seen: set[str] = set()
    for folder in folders:
        for run in _in(folder):
            path = os.path.realpath(run.path)  # Path.resolve fails at a circle of links
            if path not in seen:
                seen.add(path)
                yield run


def _in(folder: Path) -> Iterable[StoredRun]:
    """The runs in a folder, or the run whose folder it is. Raises UserError if it cannot be read."""
    if not is_folder(folder):
        reason, hint = why_no_folder(folder)
        raise UserError(f"runs folder '{shown(folder)}' {reason}; give run folders, or a folder that holds them.{hint}")
    itself = read_run(folder)
    try:
        return read_runs(folder) if itself is None else [itself]
    except OSError as error:
        raise UserError(f"runs folder '{shown(folder)}' cannot be read: {error.strerror}") from error


def _results(run: StoredRun) -> Iterator[tuple[Path, Result | str]]:
    """The replicates of a run: pairs of a folder and its result, or of a folder and what is wrong with it."""
    if run.config is None:
        yield run.path, run.reason
    elif unknown := sorted(name for name in run.config.settings if not _may_be_a_column(name)):
        yield run.path, f"config.yaml has the setting {unknown[0]}, which is none of bnlab's"
    elif not run.replicates:
        yield run.path, "no seed-N folder"
    else:
        missed = dict(index_file.missed(run))
        yield from missed.items()
        for replicate in run.replicates:
            if missed and replicate.path in missed:
                continue
            result = replicate.result
            taken = sorted(RESERVED & result.final.keys()) if result is not None else []
            if result is None:
                yield replicate.path, replicate.reason
            elif taken:
                yield replicate.path, f"result.json has the score {taken[0]}, which is the name of another column here"
            else:
                yield replicate.path, result


def _may_be_a_column(setting: str) -> bool:
    """Whether a setting of config.yaml has a name as bnlab's settings do, which no other column of the table has."""
    section, dot, _ = setting.partition(".")
    return setting in LENGTH or (section in CHOICES and bool(dot))


def _row(run: StoredRun, config: StoredConfig, folder: Path, result: Result) -> dict[str, Any]:
    return {
        "run": run.name,
        "seed": result.seed,
        "state": result.state.value,
        "error": result.error or "",
        "folder": str(folder),
        "seconds": _number(result.seconds),
        "parameters": _number(result.parameters),
        **{column: result.digests.get(name, "") for name, column in DIGESTS.items()},
        **config.settings,
        **{f"{ENVIRONMENT}{name}": as_text(value) for name, value in result.environment.items()},
        **result.final,
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
