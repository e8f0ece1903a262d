"""What the terminal shows during training: a live line on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Live
from torch import Tensor

from bnlab.engine import Beginning, Evaluation, Observer, Score
from bnlab.launch.durations import duration
from bnlab.machine import say
from bnlab.store import SPLITS

SHOWN = ("train", "validation", "test")
"""What a row shows the accuracies of."""
IN_A_PIPE = 80
"""Columns of a row where there is no terminal."""


class Progress:
    """One view for all stacks of a launch. Prints to stderr: stdout is for results.

    Args:
        arms: what the runs are called here, by the names of their folders.
        quiet: prints nothing.
    """

    def __init__(self, arms: Mapping[str, str], *, quiet: bool) -> None:
        self.arms = arms
        self._stacks = 0
        self._begun = 0
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._width = self._console.width if self._console.is_terminal else IN_A_PIPE
        wide = self._width >= IN_A_PIPE
        self.live = Live(
            BarColumn(bar_width=20 if wide else 10),
            TextColumn("{task.percentage:3.0f} %  {task.fields[state]}", markup=False),
            *((TimeElapsedColumn(), TextColumn("passed,")) if wide else ()),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self.task = self.live.add_task("", total=None, state="")

    def __enter__(self) -> Progress:
        return self

    def expect(self, stacks: int, replicate_steps: int) -> None:
        """What is to be trained from now on."""
        self._stacks, self._begun = stacks, 0
        self.live.reset(self.task, total=replicate_steps, state="")
        self.live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.live.disable:  # older versions of Rich end also what they have not shown with an empty line
            self.live.stop()

    def say(self, line: str) -> None:
        """Prints a line above the live one; only a terminal breaks it."""
        say(line, self._console)

    def row(self, epoch: str, scores: Mapping[str, str], rate: str, left: str, arm: str) -> None:
        """Prints a row of a stack's table, with the scores by their heads; of the arm's name what fits."""
        shown = [score.rjust(max(len(head), len("100.00"))) for head, score in scores.items()]
        cells = [epoch.rjust(6), *shown, rate.rjust(9), left.rjust(10)]
        line = f"{' '.join(cells)}  {arm}".rstrip()
        self.say(line if len(line) <= self._width else f"{line[: self._width - 1]}…")

    def of_stack(self) -> StackProgress:
        """The observer of the next stack."""
        self._begun += 1
        number = f"stack {min(self._begun, self._stacks)} of {self._stacks}" if self._stacks > 1 else ""
        return StackProgress(self, number)


class StackProgress(Observer):
    """A row of a table for each evaluation of one stack, and the live line below it."""

    def __init__(self, view: Progress, number: str) -> None:
        self._view, self._number, self._done = view, number, 0

    def begin(self, beginning: Beginning) -> None:
        self._plan, self._done = beginning.plan, beginning.step
        self._arms = [self._view.arms.get(member.run, member.run) for member in beginning.members]
        self._seeds = [member.seed for member in beginning.members]
        self._alive = set(range(len(self._arms)))
        self._headed = False
        arms, count = len(set(self._arms)), len(self._arms)
        what = [
            self._number,
            self._arms[0] if arms == 1 else f"{arms} arms",
            f"{count} replicates" if count > 1 else "",
        ]
        resumed = f"; goes on from step {beginning.step}" if beginning.step else ""
        self._view.say(f"{', '.join(filter(None, what))}{resumed}; accuracy in %")
        self._view.live.update(self._view.task, advance=beginning.step * count, state="preparing the step")

    def trained(self, step: int, losses: Tensor) -> None:
        state = f"epoch {self._plan.epoch(step):.1f}, loss {losses[-1].nanmean().item():.4f}"
        if self._plan.is_stop(step):
            state = "evaluating"
        self._view.live.update(self._view.task, advance=(step - self._done) * len(self._arms), state=state)
        self._done = step

    def evaluated(self, evaluation: Evaluation) -> None:
        if not self._alive:
            return
        arm = self._leader(evaluation)
        scores = {
            SPLITS[split]: f"{100 * self._mean(evaluation.scores[split], arm):.2f}"
            for split in SHOWN
            if split in evaluation.scores
        }
        left = (self._plan.total_steps / evaluation.step - 1) * evaluation.seconds
        rate = evaluation.images_per_second * len(self._arms)
        several = len(set(self._arms)) > 1
        if not self._headed:
            heads = {head: head for head in scores}
            self._view.row("epoch", heads, "images/s", "left", "leading arm" if several else "")
            self._headed = True
        self._view.row(f"{evaluation.epoch:.3g}", scores, f"{rate:,.0f}", duration(left), arm if several else "")

    def diverged(self, replicate: int, step: int) -> None:
        self._alive.discard(replicate)
        arm, seed = self._arms[replicate], self._seeds[replicate]
        self._view.say(f"{arm} seed {seed} diverged at step {step}: the loss is not finite")

    def _leader(self, evaluation: Evaluation) -> str:
        """The arm that leads, by validation accuracy: the test set is not for choosing."""
        score = evaluation.scores["validation" if "validation" in evaluation.scores else "train"]
        arms = dict.fromkeys(self._arms[index] for index in sorted(self._alive))
        return max(arms, key=lambda arm: self._mean(score, arm))

    def _mean(self, score: Score, arm: str) -> float:
        """Over the seeds of an arm that have not diverged."""
        return fmean(score.accuracy(index) for index in sorted(self._alive) if self._arms[index] == arm)
