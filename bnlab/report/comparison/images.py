"""Which test images the seeds of each arm classified rightly."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnlab import stats
from bnlab.report.comparison.frame import DIGESTS
from bnlab.report.comparison.wording import listed
from bnlab.store import CHANGED, answers_file, digest_of

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
        bits: (S, settings of a seed, bytes), as they are stored: a whole report's would take a gigabyte as numbers.
        count: how many images, I.
    """

    images: tuple[str, ...]
    seeds: pd.Index
    bits: NDArray[np.uint8]
    count: int

    @property
    def answers(self) -> stats.Answers:
        """(S, I), of a seed of several settings their mean."""
        return self._unpacked(self.bits)

    def of(self, seeds: pd.Index) -> stats.Answers:
        """Those of some seeds, in their order."""
        return self._unpacked(self.bits[self.seeds.get_indexer(seeds)])

    def _unpacked(self, bits: NDArray[np.uint8]) -> stats.Answers:
        answers = np.unpackbits(bits, axis=2, count=self.count).view(np.int8)
        return answers[:, 0] if answers.shape[1] == 1 else answers.mean(1, dtype=np.float32)


def read(counted: pd.DataFrame, metric: str) -> tuple[dict[str, ArmAnswers], list[str]]:
    """Of every arm whose counted replicates all have an answer per image, and a line about answers that were changed.

    Args:
        counted: replicates with their arm, from `seeds.complete`: every seed of an arm has as many settings.
        metric: only the test accuracy has such answers.
    """
    if metric != METRIC:
        return {}, []
    arms: dict[str, _Seeds] = {}
    changed: list[str] = []
    places = [counted[key].tolist() if key in counted else [""] * len(counted) for key in IMAGES]
    names = ("arm", "seed", "state", "folder", DIGESTS[answers_file.ANSWERS], METRIC)
    columns = (counted[name].tolist() for name in names)
    for arm, seed, state, folder, digest, accuracy, *images in zip(*columns, *places, strict=True):
        seeds = arms.setdefault(arm, _Seeds(tuple(map(str, images)), {}))
        file = answers_file.read(Path(folder)) if state == "done" else None
        if file is not None and digest not in ("", digest_of(file)):
            changed.append(folder)
            file = None
        seeds.add(seed, None if file is None else _answers(file, accuracy))
    found = {arm: seeds.together() for arm, seeds in arms.items()}
    warnings = [f"not over images: {listed(changed, SHOWN)}: {answers_file.ANSWERS} {CHANGED}"] if changed else []
    return {arm: answers for arm, answers in found.items() if answers is not None}, warnings


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
    answers: dict[int, list[answers_file.Answers]]
    whole: bool = True

    def add(self, seed: int, answers: answers_file.Answers | None) -> None:
        if answers is None:
            self.whole = False
        else:
            self.answers.setdefault(seed, []).append(answers)

    def together(self) -> ArmAnswers | None:
        seeds = sorted(self.answers)
        every = [each for seed in seeds for each in self.answers[seed]]
        counts = {each.images for each in every}
        if not self.whole or len(counts) != 1:
            return None
        bits = np.frombuffer(b"".join(each.bits for each in every), dtype=np.uint8)
        (count,) = counts
        return ArmAnswers(
            (*self.images, str(count)), pd.Index(seeds), bits.reshape(len(seeds), len(every) // len(seeds), -1), count
        )


def _answers(file: bytes, accuracy: float) -> answers_file.Answers | None:
    """Those of a replicate; None where the file is none, or another training's."""
    answers = answers_file.parsed(file)
    return answers if answers is not None and round(accuracy * answers.images) == answers.right else None
