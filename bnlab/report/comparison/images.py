"""Which test images the seeds of each arm classified rightly."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnlab import stats
from bnlab.report.comparison.wording import listed
from bnlab.store import answers_file

METRIC = "test_accuracy"
"""The metric that has an answer per image."""
IMAGES = ("data.name", "data.limit")
"""The keys that decide which images are tested on."""
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
    arms: dict[str, _Seeds] = {}
    places = [counted[key].tolist() if key in counted else [""] * len(counted) for key in IMAGES]
    columns = (counted[name].tolist() for name in ("arm", "seed", "state", "folder", METRIC))
    for arm, seed, state, folder, accuracy, *images in zip(*columns, *places, strict=True):
        seeds = arms.setdefault(arm, _Seeds(tuple(map(str, images)), {}))
        if seeds.whole:
            seeds.add(seed, _answers(folder, accuracy) if state == "done" else None)
    found = {arm: seeds.together() for arm, seeds in arms.items()}
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


@dataclass
class _Seeds:
    """What is read of an arm: the answers of its seeds, of each as many as it has settings."""

    images: tuple[str, ...]
    answers: dict[int, list[NDArray[np.int8]]]
    whole: bool = True

    def add(self, seed: int, answers: NDArray[np.int8] | None) -> None:
        if answers is None:
            self.whole = False
        else:
            self.answers.setdefault(seed, []).append(answers)

    def together(self) -> ArmAnswers | None:
        sizes = {len(each) for several in self.answers.values() for each in several}
        if not self.whole or len(sizes) != 1:
            return None
        seeds = sorted(self.answers)
        one_each = all(len(several) == 1 for several in self.answers.values())
        means = [np.mean(self.answers[seed], axis=0, dtype=np.float32) for seed in seeds] if not one_each else []
        answers = np.stack([self.answers[seed][0] for seed in seeds]) if one_each else np.stack(means)
        return ArmAnswers((*self.images, str(sizes.pop())), pd.Index(seeds), answers)


def _answers(folder: str, accuracy: float) -> NDArray[np.int8] | None:
    """Those of a replicate; None where there are none, or they are another training's."""
    is_right = answers_file.read(Path(folder))
    if is_right is None or round(accuracy * len(is_right)) != np.count_nonzero(is_right):
        return None
    return is_right.view(np.int8)
