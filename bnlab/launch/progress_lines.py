"""The lines of the progress tables, which are aligned and fit 60 to 80 columns, on a terminal and in a pipe alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bnlab.launch.durations import duration
from bnlab.store import SPLITS

SHOWN = ("train", "validation", "test")
"""The splits whose accuracies are shown."""
UNKNOWN = "-"
"""Stands for a number that is not known yet."""
NARROWEST_ARM = 12
"""The least columns for an arm's name."""


@dataclass(frozen=True)
class EpochRow:
    """The progress of a stack at one time.

    Attributes:
        epoch: epochs done.
        accuracies: in percent, by split; empty between evaluations.
        rate: images/s of all replicates; None if it is not known yet.
        left: seconds to the end; None if they are not known yet.
        arm: the arm with these accuracies, if there are several.
    """

    epoch: float
    accuracies: Mapping[str, float] = field(default_factory=dict)
    rate: float | None = None
    left: float | None = None
    arm: str = ""


def epoch_head(splits: Sequence[str], *, arm: bool, width: int) -> str:
    """The head of the table of epochs."""
    heads = {split: SPLITS[split] for split in splits}
    return _epoch_line("epoch", heads, "images/s", "left", "leading arm" if arm else "", width)


def epoch_line(row: EpochRow, splits: Sequence[str], *, width: int) -> str:
    """A row of the table of epochs, with as much of the arm's name as fits."""
    scores = {split: _percent(row.accuracies.get(split)) for split in splits}
    rate = UNKNOWN if row.rate is None else f"{row.rate:,.0f}"
    left = UNKNOWN if row.left is None else duration(row.left)
    epoch = f"{row.epoch:.3g}" if row.accuracies else f"{row.epoch:.1f}"
    return _epoch_line(epoch, scores, rate, left, row.arm, width)


def now_line(row: EpochRow, epochs: float) -> str:
    """The line below a table of arms: epochs done of all, images/s, and time left."""
    known = [f"{row.rate:,.0f} images/s"] if row.rate is not None else []
    left = [f"{duration(row.left)} left"] if row.left is not None else []
    return ", ".join([f"epoch {row.epoch:.1f} of {epochs:.3g}", *known, *left])


def arm_lines(arms: Mapping[str, Mapping[str, float]], splits: Sequence[str], *, width: int, most: int) -> list[str]:
    """A head and a row for each arm, in the order in which they are given.

    Args:
        arms: accuracies in percent by split, by the arms' names; empty for an arm that has none yet.
        splits: those to show.
        width: columns of a line.
        most: the largest number of rows; a last line says how many are left out.
    """
    cells = {arm: _scores({split: _percent(of_arm.get(split)) for split in splits}) for arm, of_arm in arms.items()}
    head = _scores({split: SPLITS[split] for split in splits})
    room = max(width - len(head) - 2, NARROWEST_ARM)
    widest = min(max(map(len, ["arm", *arms])), room)
    lines = [f"{_cut(arm, widest):<{widest}}  {text}" for arm, text in {"arm": head, **cells}.items()]
    left_out = len(arms) - most
    return lines if left_out <= 0 else [*lines[: most + 1], f"and {left_out} more"]


def _epoch_line(epoch: str, scores: Mapping[str, str], rate: str, left: str, arm: str, width: int) -> str:
    line = f"{epoch:>6} {_scores(scores)} {rate:>9} {left:>10}"
    room = width - len(line) - 2
    return f"{line}  {_cut(arm, room)}" if arm and room >= NARROWEST_ARM else line


def _scores(cells: Mapping[str, str]) -> str:
    return " ".join(f"{text:>{max(len(SPLITS[split]), len('100.00'))}}" for split, text in cells.items())


def _percent(accuracy: float | None) -> str:
    return UNKNOWN if accuracy is None else f"{accuracy:.2f}"


def _cut(text: str, width: int) -> str:
    """The beginning and the end of a name that is too long: arms of one scheme differ at their ends."""
    if len(text) <= width:
        return text
    end = width // 2
    return f"{text[: width - 1 - end]}…{text[-end:]}"
