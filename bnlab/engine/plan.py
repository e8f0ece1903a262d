"""How long to train, on what batches, and when to look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What all replicates of a stack share.

    Attributes:
        batch_size: images of a batch, which the norms see by themselves.
        accumulate: batches whose gradients make one step together.
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
