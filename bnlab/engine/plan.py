"""How long to train, on what batches, and when to evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The length of a training and the size of its batches, which all replicates of a stack have in common.

    Attributes:
        batch_size: images of a batch, over which batch norm takes its statistics.
        drop_last: leave out an epoch's last, smaller batch.
        steps_per_epoch, total_steps: steps (updates), not batches.
        eval_every: steps from one evaluation to the next, besides those at the epochs' ends; None: only these.
        accumulate: how many batches' gradients are added up for one step.
    """

    batch_size: int
    drop_last: bool
    steps_per_epoch: int
    total_steps: int
    eval_every: int | None
    accumulate: int = 1

    @property
    def images_per_step(self) -> int:
        return self.batch_size * self.accumulate

    def stops(self) -> Iterator[int]:
        """The steps after which the stack is evaluated: each epoch's end, every `eval_every` steps, and the last."""
        return filter(self.is_stop, range(1, self.total_steps + 1))

    def is_stop(self, step: int) -> bool:
        """Whether the stack is evaluated after a step."""
        epoch_ends = step % self.steps_per_epoch == 0
        return epoch_ends or step == self.total_steps or (self.eval_every is not None and step % self.eval_every == 0)

    def epoch(self, step: int) -> float:
        """Epochs done after a step; a fraction in the middle of one."""
        return step / self.steps_per_epoch
