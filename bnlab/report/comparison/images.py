"""Which test images the seeds of each arm classified rightly."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bnlab import stats
from bnlab.report.comparison.wording import listed
from bnlab.store import answers_file

METRIC = "test_accuracy"
"""The metric that has an answer per image."""
SHOWN = 3


@dataclass(frozen=True)
class ArmAnswers:
    """The answers of an arm's seeds on the images of a data set.

    Attributes:
        images: of which data set, and how many of it.
        seeds: in the order of the rows.
        answers: (S, I).
    """

    images: tuple[str, ...]
    seeds: pd.Index
    answers: stats.Answers

    def of(self, seeds: pd.Index) -> stats.Answers:
        """Those of some seeds, in their order."""
        return self.answers[self.seeds.get_indexer(seeds)]


def read(counted: pd.DataFrame, metric: str) -> dict[str, ArmAnswers]:
    """Of every arm whose counted replicates all have an answer per image.

    Args:
        counted: replicates with their arm, from `seeds.complete`.
        metric: only the test accuracy has such answers.
    """
    if metric != METRIC:
        return {}
    found = {str(arm): _of_arm(own) for arm, own in counted.groupby("arm", sort=False)}
    return {arm: answers for arm, answers in found.items() if answers is not None}


def notes(counted: pd.DataFrame, known: Mapping[str, ArmAnswers], short: Mapping[str, str]) -> list[str]:
    """A line about arms of which nothing can be said of other images, where it is of some."""
    lacking = [short[str(arm)] for arm in counted["arm"].unique() if str(arm) not in known]
    if not known or not lacking:
        return []
    return [f"over seeds only, as some replicate has no answers.bin or diverged: {listed(lacking, SHOWN)}"]


def difference(first: ArmAnswers | None, second: ArmAnswers | None, *, paired: bool) -> stats.Crossed | None:
    """Of two arms on the same images, on the seeds that both have if they are paired; None where that is not known."""
    if first is None or second is None or first.images != second.images:
        return None
    if not paired:
        return stats.crossed_difference(first.answers, second.answers, paired=False)
    common = first.seeds.intersection(second.seeds)
    return stats.crossed_difference(first.of(common), second.of(common), paired=True)


def _of_arm(own: pd.DataFrame) -> ArmAnswers | None:
    if (own["state"] != "done").any():
        return None
    rows: dict[int, list[stats.Answers]] = {}
    for seed, folder, accuracy in zip(own["seed"], own["folder"], own[METRIC], strict=True):
        is_right = answers_file.read(Path(folder))
        if is_right is None or round(accuracy * len(is_right)) != np.count_nonzero(is_right):
            return None
        rows.setdefault(seed, []).append(is_right.astype(np.float32))
    sizes = {len(each) for several in rows.values() for each in several}
    if len(sizes) != 1:
        return None
    seeds = sorted(rows)
    settings = [str(own[key].iloc[0]) for key in ("data.name", "data.limit") if key in own]
    answers = np.stack([np.mean(rows[seed], axis=0) for seed in seeds])
    return ArmAnswers((*settings, str(sizes.pop())), pd.Index(seeds), answers)
