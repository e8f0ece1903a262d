"""The plan of a runs folder, how many seeds, and at how many a comparison's verdicts were read before."""

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
    """What is noted in the runs folders of the replicates.

    Args:
        replicates: from `frame.read`.

    Attributes:
        damage: what of the notes cannot be read, a line each.
    """

    def __init__(self, replicates: pd.DataFrame) -> None:
        self._finished = int(replicates["state"].isin(FINISHED).sum())
        self._folders = sorted({Path(folder).parents[1] for folder in replicates["folder"]})
        found = [looks_file.read(folder) for folder in self._folders]
        self._entries = [entry for entries, _ in found for entry in entries]
        self.damage = [line for _, damage in found for line in damage]

    @property
    def planned(self) -> int | None:
        """The seeds per arm, by the last plan; None without one."""
        plans = self._plans()
        return plans[-1] if plans else None

    def plan(self, seeds: int) -> None:
        """Fixes the number, unless it is the one already. Raises StorageError."""
        if seeds != self.planned:
            self._append(Plan(seeds, self._finished))

    def read(self, comparison: Comparison) -> None:
        """Notes that the comparison's verdicts are read, unless they were at as many seeds. Raises StorageError."""
        look = _look(comparison)
        if look not in self._entries:
            self._append(look)

    def notes(self, comparison: Comparison) -> list[str]:
        """What a reader must know of changed plans and of looks before this one."""
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
