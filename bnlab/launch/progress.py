"""The progress of a training: on a terminal a table that is kept up to date, elsewhere plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text
from torch import Tensor

from bnlab.engine import Beginning, Evaluation, Observer, Score
from bnlab.launch.progress_lines import SHOWN, EpochRow, arm_lines, epoch_head, epoch_line, now_line
from bnlab.machine import say, status

IN_A_PIPE = 80
"""Columns of a line if there is no terminal."""
AROUND = 4
"""Lines of the terminal that are not for rows of the table, but for its head, the bar and the title."""
REFRESHED = 4
"""How often the table is redrawn, per second."""


class Progress:
    """The progress of a launch, for all of its stacks. Prints to stderr, since stdout is for results.

    Args:
        arms: the names of the runs, by those of their folders.
        quiet: prints nothing.
    """

    def __init__(self, arms: Mapping[str, str], *, quiet: bool) -> None:
        self.arms = arms
        self.stacks = 0
        self._begun = 0
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self.is_live = self._console.is_terminal and not quiet
        wide = self.width >= IN_A_PIPE
        self.bar = Bar(
            BarColumn(bar_width=20 if wide else 10),
            TextColumn("{task.percentage:3.0f} %  {task.fields[state]}", markup=False),
            *((TimeElapsedColumn(), TextColumn("passed,")) if wide else ()),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
        )
        self.task = self.bar.add_task("", total=None, state="")
        self.table: Callable[[], Sequence[str]] = tuple  # gives the current lines above the bar
        self._live = Live(
            get_renderable=self._renderable, console=self._console, transient=True, refresh_per_second=REFRESHED
        )

    @property
    def width(self) -> int:
        """Columns of a line."""
        return self._console.width if self.is_live else IN_A_PIPE

    @property
    def height(self) -> int:
        """Rows of a table that fit the terminal."""
        return max(self._console.height - AROUND, 1)

    def __enter__(self) -> Progress:
        return self

    def expect(self, stacks: int, replicate_steps: int) -> None:
        """Starts to show the training of so many stacks, with so many steps of all replicates together."""
        status.clear()
        self.stacks, self._begun = stacks, 0
        self.bar.reset(self.task, total=replicate_steps, state="")
        if self.is_live:
            self._live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.is_live:  # older versions of Rich print an empty line otherwise
            self._live.stop()

    def say(self, line: str) -> None:
        """Prints a line above the table; it is wrapped only on a terminal."""
        status.clear()
        say(line, self._console)

    def warn(self, line: str) -> None:
        """The same, even where nothing else is printed."""
        status.clear()
        say(line, Console(stderr=True, highlight=False) if self._console.quiet else self._console)

    def of_stack(self) -> StackProgress:
        """The observer of the next stack."""
        self._begun += 1
        number = f"stack {min(self._begun, self.stacks)} of {self.stacks}" if self.stacks > 1 else ""
        return StackProgress(self, number)

    def _renderable(self) -> Group:
        return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in self.table()), self.bar)


class StackProgress(Observer):
    """The table of one stack: a row for each evaluation, or on a terminal for each of several arms."""

    def __init__(self, view: Progress, number: str) -> None:
        self._view, self._number = view, number
        self._rows: list[EpochRow] = []
        self._splits: Sequence[str] = SHOWN

    def begin(self, beginning: Beginning) -> None:
        self._plan, self._done = beginning.plan, beginning.step
        self._arms = [self._view.arms.get(member.run, member.run) for member in beginning.members]
        self._seeds = [member.seed for member in beginning.members]
        self._alive = set(range(len(self._arms)))
        self._standing: dict[str, dict[str, float]] = {arm: {} for arm in self._arms}
        self._lap: tuple[float, int] | None = None
        self._now = EpochRow(self._plan.epoch(beginning.step))
        arms, count = len(self._standing), len(self._arms)
        what = [
            self._number,
            self._arms[0] if arms == 1 else f"{arms} arms",
            f"{count} replicates" if count > 1 else "",
        ]
        resumed = f"; goes on from step {beginning.step}" if beginning.step else ""
        self._view.say(f"{', '.join(filter(None, what))}{resumed}; accuracy in %")
        self._view.bar.update(self._view.task, advance=beginning.step * count, state="preparing the step")
        self._view.table = self._table

    def trained(self, step: int, losses: Tensor) -> None:
        now = time.monotonic()
        if self._lap is None:  # measure from here on: the first steps take long, since they are recorded
            self._lap = now, step
        self._now = self._between(step, now - self._lap[0], step - self._lap[1])
        state = "evaluating" if self._plan.is_stop(step) else f"loss {losses[-1].nanmean().item():.4f}"
        self._view.bar.update(self._view.task, advance=(step - self._done) * len(self._arms), state=state)
        self._done = step

    def evaluated(self, evaluation: Evaluation) -> None:
        if not self._alive:
            return
        first, self._lap = not self._rows, None
        self._splits = [split for split in SHOWN if split in evaluation.scores]
        alive = dict.fromkeys(self._arms[index] for index in sorted(self._alive))
        self._standing = {
            arm: {split: self._mean(evaluation.scores[split], arm) for split in self._splits} if arm in alive else {}
            for arm in self._standing
        }
        leader = self._best_first(alive)[0]
        left = (self._plan.total_steps / evaluation.step - 1) * evaluation.seconds
        rate = evaluation.images_per_second * len(self._arms)
        arm = leader if len(self._standing) > 1 else ""
        self._rows.append(EpochRow(evaluation.epoch, self._standing[leader], rate, left, arm))
        self._now = EpochRow(evaluation.epoch, rate=rate, left=left)
        if not self._view.is_live:
            for line in self._epochs(self._rows[-1:], head=first):
                self._view.say(line)

    def diverged(self, replicate: int, step: int) -> None:
        self._alive.discard(replicate)
        arm, seed = self._arms[replicate], self._seeds[replicate]
        self._view.say(f"{arm} seed {seed} diverged at step {step}: the loss is not finite")

    def end(self, error: BaseException | None) -> None:
        self._view.table = tuple
        several = self._rows and len(self._standing) > 1
        if self._view.is_live and self._rows and (not several or error is not None or self._view.stacks > 1):
            for line in self._ranked() if several else self._epochs(self._rows, head=True):
                self._view.say(line)

    def _table(self) -> list[str]:
        """The current lines of the table."""
        if len(self._standing) > 1:
            return [*self._ranked(), now_line(self._now, self._plan.epoch(self._plan.total_steps))]
        is_new = not self._rows or self._now.epoch > self._rows[-1].epoch
        rows = [*self._rows, *([self._now] if is_new else [])]
        return self._epochs(rows[-self._view.height :], head=True)

    def _ranked(self) -> list[str]:
        arms = {arm: self._standing[arm] for arm in self._best_first(self._standing)}
        return arm_lines(arms, self._splits, width=self._view.width, most=max(self._view.height - 2, 1))

    def _epochs(self, rows: Sequence[EpochRow], *, head: bool) -> list[str]:
        width, several = self._view.width, len(self._standing) > 1
        lines = [epoch_line(row, self._splits, width=width) for row in rows]
        return [epoch_head(self._splits, arm=several, width=width), *lines] if head else lines

    def _between(self, step: int, seconds: float, steps: int) -> EpochRow:
        """The current row between two evaluations, with the speed of the last `steps`, which took `seconds`."""
        images = self._plan.images_per_step * len(self._arms)
        rate = steps * images / seconds if steps else self._now.rate
        left = None if rate is None else (self._plan.total_steps - step) * images / rate
        return EpochRow(self._plan.epoch(step), rate=rate, left=left)

    def _best_first(self, arms: Mapping[str, object]) -> list[str]:
        """The arms by validation accuracy, since the test set is not for choosing; those that have none come last."""
        by = "validation" if "validation" in self._splits else "train"
        return sorted(arms, key=lambda arm: self._standing[arm].get(by, -1.0), reverse=True)

    def _mean(self, score: Score, arm: str) -> float:
        """The mean accuracy in percent over the seeds of an arm that have not diverged."""
        return fmean(100 * score.accuracy(index) for index in sorted(self._alive) if self._arms[index] == arm)
