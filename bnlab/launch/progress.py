"""What the terminal shows during training: a live line on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Live
from torch import Tensor

from bnlab.engine import Beginning, Evaluation, Observer


class Progress:
    """One view for all stacks of a launch. Prints to stderr: stdout is for results."""

    def __init__(self, *, quiet: bool) -> None:
        self._stacks = 0
        self._begun = 0
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self.live = Live(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %  {task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("passed,"),
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
        """Prints a line above the live one."""
        self._console.print(line, markup=False, soft_wrap=True)

    def of_stack(self) -> StackProgress:
        """The observer of the next stack."""
        self._begun += 1
        title = f"stack {min(self._begun, self._stacks)} of {self._stacks}" if self._stacks > 1 else ""
        return StackProgress(self, title)


class StackProgress(Observer):
    """Shows epoch, loss, accuracy, rate and time left of one stack."""

    def __init__(self, view: Progress, title: str) -> None:
        self._view, self._title, self._done = view, title, 0

    def begin(self, beginning: Beginning) -> None:
        self._plan = beginning.plan
        self._names = [member.run for member in beginning.members]
        self._seeds = [member.seed for member in beginning.members]
        arms, count = sorted(set(self._names)), len(self._names)
        what = arms[0] if len(arms) == 1 else f"{len(arms)} runs"
        self._title = " ".join(filter(None, [self._title, what, f"x {count} replicates" if count > 1 else ""]))
        self._view.live.update(self._view.task, description=self._title)

    def trained(self, step: int, losses: Tensor) -> None:
        state = f"epoch {self._plan.epoch(step):.1f}, loss {losses[-1].nanmean().item():.4f}"
        self._view.live.update(self._view.task, advance=(step - self._done) * len(self._names), state=state)
        self._done = step

    def evaluated(self, evaluation: Evaluation) -> None:
        left = (self._plan.total_steps / evaluation.step - 1) * evaluation.seconds
        rate = evaluation.images_per_second * len(self._names)
        scores = self._scores(evaluation) if len(set(self._names)) == 1 else self._best(evaluation)
        self._view.say(f"{self._title}  epoch {evaluation.epoch:g}  {scores}  {rate:,.0f} images/s  {left:.0f} s left")

    def _scores(self, evaluation: Evaluation) -> str:
        """Loss and accuracy of each part, averaged over the seeds."""
        seeds = range(len(self._names))
        parts = []
        for split, score in evaluation.scores.items():
            loss = sum(score.loss(seed) for seed in seeds) / len(seeds)
            accuracy = sum(score.accuracy(seed) for seed in seeds) / len(seeds)
            parts.append(f"{split} {loss:.4f} / {accuracy:.2%}")
        return f"loss / accuracy: {', '.join(parts)}"

    def _best(self, evaluation: Evaluation) -> str:
        """The run that leads, by validation accuracy: the test set is not for choosing."""
        split = "validation" if "validation" in evaluation.scores else "train"
        score = evaluation.scores[split]
        means = {}
        for name in sorted(set(self._names)):
            mine = [score.accuracy(i) for i, other in enumerate(self._names) if other == name]
            means[name] = sum(mine) / len(mine)
        best = max(means, key=lambda name: means[name])
        return f"best so far: {best} with {split} accuracy {means[best]:.2%}"

    def diverged(self, replicate: int, step: int) -> None:
        name, seed = self._names[replicate], self._seeds[replicate]
        self._view.say(f"{name} seed {seed} diverged at step {step}: the loss is not finite")
