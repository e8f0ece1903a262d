"""What the terminal shows during training: a live line on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Live
from torch import Tensor

from bnlab.train import Evaluation, Plan


class Progress:
    """An observer that shows epoch, loss, accuracy, rate and time left. Prints to stderr: stdout is for results."""

    def __init__(self, plan: Plan, names: Sequence[str], *, quiet: bool) -> None:
        self._plan = plan
        self._names = names
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._live = Live(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, {task.fields[loss]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._live.add_task(names[0], total=plan.total_steps, loss="")

    def __enter__(self) -> Progress:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def trained(self, step: int, losses: Tensor) -> None:
        self._live.update(self._task, completed=step, loss=f"loss {losses.mean().item():.4f}")

    def evaluated(self, evaluation: Evaluation) -> None:
        left = (self._plan.total_steps / evaluation.step - 1) * evaluation.seconds
        for index, name in enumerate(self._names):
            scores = ", ".join(
                f"{split} {score.loss(index):.4f} / {score.accuracy(index):.2%}"
                for split, score in evaluation.scores.items()
            )
            self._console.print(
                f"{name}  epoch {evaluation.epoch:g}  loss / accuracy: {scores}  "
                f"{evaluation.images_per_second:,.0f} images/s  {left:.0f} s left",
                markup=False,
                soft_wrap=True,
            )

    def diverged(self, replicate: int, step: int) -> None:
        self._console.print(
            f"{self._names[replicate]}  diverged at step {step}: the loss is not finite", markup=False, soft_wrap=True
        )
