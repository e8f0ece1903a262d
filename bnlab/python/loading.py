"""`bnlab.load_runs`: stored runs as tables."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from bnlab.store import StoredConfig


class Runs:
    """Stored runs.

    Attributes:
        frame: a row per replicate: run, seed, state, folder, seconds, parameters, every setting by its dotted key as
            text ("norm.name"), the environment ("environment.torch"), and the final metrics ("test_accuracy", a
            fraction; losses in nats).
        warnings: a line for each folder that was skipped, with the reason.
    """

    def __init__(self, frame: pd.DataFrame, warnings: list[str]) -> None:
        self.frame, self.warnings = frame, warnings

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """A row per replicate, evaluation and split: run, seed, epoch, step, split, loss (nats), accuracy (a fraction).

        It has the replicates that are done or diverged. Those that were changed or cannot be read are in `warnings`.
        """
        from bnlab.report import curves_of

        table, warnings = curves_of(self.frame)
        self.warnings.extend(warnings)
        return table

    @functools.cached_property
    def probes(self) -> pd.DataFrame:
        """A row per probed value: run, seed, step, probe, layer, quantity, value; none without `probes.names`."""
        from bnlab.report import probes_of

        return probes_of(self.frame)

    @functools.cached_property
    def configs(self) -> dict[str, StoredConfig]:
        """The configurations by run name: `.tree` (nested plain values), `.settings` (text by dotted key), `.hash`."""
        from bnlab.store import read_run

        runs = map(read_run, self.folders)
        return {run.name: run.config for run in runs if run is not None and run.config is not None}

    @property
    def folders(self) -> list[Path]:
        """The runs' folders, each once."""
        return list(dict.fromkeys(Path(folder).parent for folder in self.frame["folder"]))

    def __len__(self) -> int:
        """The number of replicates."""
        return len(self.frame)

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.frame["state"].value_counts().items())
        return f"<{len(self.folders)} runs, {len(self)} replicates: {states}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: each replicate's final scores."""
        scores = [name for name in self.frame.columns if name.endswith(("_accuracy", "_loss"))]
        return self.frame[["run", "seed", "state", *scores]].to_html(index=False, border=0)


def load_runs(*runs: str | Path, runs_dir: str | Path = "runs") -> Runs:
    """Reads the runs of a folder, or some of them, as `bnlab report` does.

    Args:
        runs: run folders, folders of runs, or names of runs in `runs_dir`; none: all runs in `runs_dir`.
        runs_dir: the folder of the runs.

    Raises:
        UserError: there is no such folder or run, or no replicate that can be read.
    """
    from bnlab.report import read
    from bnlab.runs import folder_of

    return Runs(*read([folder_of(Path(run), Path(runs_dir)) for run in runs or [runs_dir]]))
