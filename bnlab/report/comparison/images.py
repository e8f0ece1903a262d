"""Which test images the seeds of each arm classified correctly, for intervals over seeds and images."""

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
"""The only metric with a stored answer per image."""
IMAGES = ("data.name", "data.limit")
"""The settings that decide which test images are used."""
SHOWN = 3


@dataclass(frozen=True)
class ArmAnswers:
    """The answers of an arm's S seeds on the I images of a test set: 1 for correct, 0 for wrong.

    Attributes:
        images: the values of the settings `IMAGES`, and I, as text: equal for equal test sets.
        seeds: the S seeds in the order of the rows.
        bits: the answers, packed as in the files (unpacked, those of a report can take a gigabyte); shape (S, settings
            per seed, bytes).
        count: I.
    """

    images: tuple[str, ...]
    seeds: pd.Index
    bits: NDArray[np.uint8]
    count: int

    @property
    def answers(self) -> stats.Answers:
        """The answers, shape (S, I); the mean over settings if a seed has several."""
        return self._unpacked(self.bits)

    def of(self, seeds: pd.Index) -> stats.Answers:
        """The answers of these seeds, in their order; shape (number of seeds, I)."""
        return self._unpacked(self.bits[self.seeds.get_indexer(seeds)])

    def _unpacked(self, bits: NDArray[np.uint8]) -> stats.Answers:
        answers = np.unpackbits(bits, axis=2, count=self.count).view(np.int8)
        return answers[:, 0] if answers.shape[1] == 1 else answers.mean(1, dtype=np.float32)


def read(counted: pd.DataFrame, metric: str) -> tuple[dict[str, ArmAnswers], list[str]]:
    """Reads the answers of every arm whose counted replicates all have them.

    Args:
        counted: replicates with their arm, from `seeds.complete`: all seeds of an arm have the same settings.
        metric: the report's metric; nothing is read unless it is `METRIC`.

    Returns:
        The answers by arm, and a warning if files were changed after they were stored.
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
    """A line that names the arms without answers, if other arms have them."""
    lacking = [short[str(arm)] for arm in counted["arm"].unique() if str(arm) not in known]
    if not known or not lacking:
        return []
    return [f"over seeds only, as some replicate has no answers.bin or diverged: {listed(lacking, SHOWN)}"]


def difference(first: ArmAnswers | None, second: ArmAnswers | None, *, paired: bool) -> stats.Crossed | None:
    """The difference of two arms over seeds and images, if `paired` over common seeds; None if it is unknown."""
    if first is None or second is None or first.images != second.images:
        return None
    if not paired:
        return stats.crossed_difference(first.answers, second.answers, paired=False)
    common = first.seeds.intersection(second.seeds)
    return stats.crossed_difference(first.of(common), second.of(common), paired=True)


@dataclass
class _Seeds:
    """The answers of an arm while they are read.

    Attributes:
        images: the values of the settings `IMAGES`.
        answers: by seed, the answers of its replicates, one per setting.
        whole: whether all replicates so far have answers.
    """

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
    """The answers in a replicate's file; None if it is damaged, or does not agree with the accuracy."""
    answers = answers_file.parsed(file)
    return answers if answers is not None and round(accuracy * answers.images) == answers.right else None
