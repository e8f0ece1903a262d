"""The versions and hardware that the replicates were trained with, and notes where they differ."""

import pandas as pd

from bnlab.report.comparison.arms import ABSENT, VERSIONS
from bnlab.report.comparison.frame import ENVIRONMENT, environment_columns
from bnlab.report.comparison.wording import listed
from bnlab.store import FINISHED

NAMED = {
    "commit": "the commit of bnlab",
    "dirty": "whether bnlab's source had uncommitted changes",
    "python": "the Python version",
    "cpu": "the processor",
    "threads": "the number of threads",
    "device": "the device",
    "keras": "the Keras version",
    "keras_backend": "Keras's backend",
}
SHOWN = 4


def notes(replicates: pd.DataFrame) -> list[str]:
    """A line for each part of the environment that differs, between the arms or inside them.

    The versions of bnlab and torch are not noted here: `arms.group` never pools them.
    """
    trained = replicates[replicates["state"].isin(FINISHED)]
    columns = [name for name in environment_columns(trained) if name not in VERSIONS]
    lines = [_note(trained, name) for name in columns if trained[name].nunique(dropna=False) > 1]
    if "true" in trained.get(f"{ENVIRONMENT}dirty", pd.Series(dtype="object")).tolist():
        lines.append("trained with uncommitted changes in bnlab's source: the commit alone does not tell what ran")
    return lines


def environments(replicates: pd.DataFrame) -> str:
    """The versions and the hardware of the replicates in words, each combination once."""
    names = ["bnlab", "torch", "python", "device", "cpu", "threads"]
    columns = replicates.reindex(columns=[f"{ENVIRONMENT}{name}" for name in names]).astype(object).fillna("unknown")
    rows = columns.drop_duplicates().to_numpy().tolist()
    return "; ".join(
        f"bnlab {bnlab}, torch {torch}, Python {python} on {device} (processor {cpu}, {threads} threads)"
        for bnlab, torch, python, device, cpu, threads in rows
    )


def _note(trained: pd.DataFrame, name: str) -> str:
    values = trained[name].fillna(ABSENT)
    inside = bool((values.groupby(trained["arm"]).nunique() > 1).any())
    short = name.removeprefix(ENVIRONMENT)
    distinct = list(dict.fromkeys(values))
    where = "inside an arm" if inside else "between the arms"
    return f"{NAMED.get(short, short)} differs {where}: {listed(distinct, SHOWN)}"
