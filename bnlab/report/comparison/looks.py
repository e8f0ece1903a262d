"""The planned number of seeds, and at which numbers the verdicts were read before (optional stopping)."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bnlab.report.comparison.comparing import Comparison
from bnlab.report.comparison.contrasts import LEVEL
from bnlab.report.comparison.wording import listed
from bnlab.store import FINISHED, looks_file
from bnlab.store.looks_file import Look, Plan

SHOWN = 4


class Looks:
    """The plans and looks that are stored in the runs folders of these replicates.

    Args:
        replicates: from `frame.read`.

    Attributes:
        damage: warnings about stored lines that cannot be read.
    """

    def __init__(self, replicates: pd.DataFrame) -> None:
        self._finished = int(replicates["state"].isin(FINISHED).sum())
        self._folders = sorted({Path(folder).parents[1] for folder in replicates["folder"]})
        found = [looks_file.read(folder) for folder in self._folders]
        self._entries = [entry for entries, _ in found for entry in entries]
        self.damage = [line for _, damage in found for line in damage]

    @property
    def planned(self) -> int | None:
        """The seeds per arm in the last plan; None if there is no plan."""
        plans = self._plans()
        return plans[-1] if plans else None

    def plan(self, seeds: int) -> None:
        """Stores a plan of this number of seeds per arm, unless it is the last one. Raises StorageError."""
        if seeds != self.planned:
            self._append(Plan(seeds, self._finished))

    def read(self, comparison: Comparison) -> None:
        """Stores that the comparison's verdicts are read, once for a number of seeds. Raises StorageError."""
        look = _look(comparison)
        if look not in self._entries:
            self._append(look)

    def notes(self, comparison: Comparison) -> list[str]:
        """Lines for the reader about changes of the plan, and about earlier looks at other numbers of seeds."""
        notes, plans = [], self._plans()
        if len(plans) > 1:
            notes.append(f"the planned number of seeds was changed: {listed([str(n) for n in plans], SHOWN)}")
        own = _look(comparison)
        before = [entry for entry in self._entries if isinstance(entry, Look) and entry.comparison == own.comparison]
        seeds = [str(entry.seeds) for entry in before if entry.values != own.values]
        if seeds and not comparison.withheld:
            one, many = (f"{100 * LEVEL * looks:.0f} %" for looks in (1, len(seeds) + 1))
            notes.append(
                f"the verdicts of this comparison were read before, at {listed(seeds, SHOWN)} seeds: "
                f"of {len(seeds) + 1} looks one says something false in up to {many} of studies, not {one}; "
                "--plan N fixes the number of seeds beforehand"
            )
        return notes

    def _plans(self) -> Sequence[int]:
        return list(dict.fromkeys(entry.planned for entry in self._entries if isinstance(entry, Plan)))

    def _append(self, entry: Plan | Look) -> None:
        for folder in self._folders:
            looks_file.add(folder, entry)
        self._entries.append(entry)


def _look(comparison: Comparison) -> Look:
    compared = [comparison.metric, comparison.baseline, sorted(comparison.summary["arm"])]
    digest = hashlib.sha256(json.dumps(compared).encode()).hexdigest()[:10]
    values = int((comparison.summary["n"] + comparison.summary["diverged"]).sum())
    return Look(digest, comparison.metric, comparison.fewest_seeds, values)
