"""One training step of a stack: plain, recorded or compiled.

Shapes: R replicates, N batch, U distinct seeds, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Scaling
from bnlab.engine.evaluation import log_probabilities_of
from bnlab.engine.kernels import NumberSeenError, Program, RecordingError, record
from bnlab.engine.optimizer import StackOptimizer
from bnlab.lifting import Watch, depends_on_tensors_alone

Say = Callable[[str], None]

WORTH_RECORDING = 400
"""Steps of a training in which a recording, a tenth of a second or two, is paid back."""


class Step:
    """Trains on one batch.

    Full batches run in the recorded form where that is possible and the training long enough: the same kernels in the
    same order, hence the same bits. An epoch's last, smaller batch is not worth a recording of its own.

    Args:
        stack: as `lift` makes it; its tensors stay where they are while it trains.
        parameters: those that are trained.
        optimizer: moves them.
        scaling: of the images to what the stack takes.
        batch_size: of a full batch.
        accumulate: batches whose gradients make one step together: it is called with the images of all.
        total_steps: how long it will train.
        compiled: compile the forward and backward pass. The kernels are then other ones, so the last bits differ.
        say: told in a line if the step is slower than was to be expected, and why.
        watch: over the stack, for the observations that the step is to show; None: it shows none.
    """

    def __init__(
        self,
        stack: nn.Module,
        parameters: Sequence[Tensor],
        optimizer: StackOptimizer,
        scaling: Scaling,
        batch_size: int,
        total_steps: int,
        *,
        accumulate: int = 1,
        compiled: bool,
        say: Say,
        watch: Watch | None = None,
    ) -> None:
        self._say = say
        self._watch = Watch(stack, [], []) if watch is None else watch
        self._shown = 1 + len(self._watch.declared)
        self._stack, self._parameters, self._optimizer, self._scaling = stack, parameters, optimizer, scaling
        self.batch_size, self._accumulate, self._compiled = batch_size, accumulate, compiled
        self._share: dict[int, Tensor] = {}
        self._records = compiled or total_steps >= WORTH_RECORDING
        self._plain: Program = partial(self._move_along, self._differentiate)
        self._full_batch: Program | None = None

    def __call__(self, number: int, images: Tensor, labels: Tensor) -> Sequence[Tensor]:
        """Step `number`, from 0, on uint8 images (U, N, ...) and labels (R, N); N images are `accumulate` batches.

        Returns:
            log-probabilities (R, K, N), then the observations (R, ...), in the order in which they are declared.
        """
        self._optimizer.set_lr(number)
        program = self._plain
        if labels.shape[1] == self.batch_size * self._accumulate:
            if self._full_batch is None:
                self._full_batch = self._fastest(images, labels)
            program = self._full_batch
        return program(images, labels)[: self._shown]

    def differentiate(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The log-probabilities (R, K, N) and the parameters' gradients that a step on this batch begins with.

        They are the step's own to the bit, unless that is compiled.
        """
        values = self._differentiate(images, labels)
        return values[0], list(values[self._shown :])

    def pixels(self, images: Tensor) -> Tensor:
        """Images as the stack takes them."""
        return self._scaling.to_float(images, self._parameters[0].dtype)

    def _fastest(self, images: Tensor, labels: Tensor) -> Program:
        """The fastest form of the step on batches like these."""
        if not self._records or not depends_on_tensors_alone(self._stack):
            return self._plain
        share = self._share_of(labels.shape[1], self._parameters[0])
        state = [*self._stack.parameters(), *self._stack.buffers(), share]
        if self._compiled:
            try:
                differentiate = record(self._differentiate, [images, labels], state, compiled=True)
                return partial(self._move_along, differentiate)  # the optimizer's kernels are as fast as they are
            except NumberSeenError:
                return self._plain
            except RecordingError as error:
                self._say(f"the step cannot be compiled and is only recorded: {error}")
        try:
            return record(self._plain, [images, labels], [*state, *self._optimizer.tensors()])
        except NumberSeenError:
            return self._plain
        except RecordingError as error:
            self._say(f"the step cannot be recorded, so it is slower: {error}")
            return self._plain

    def _move_along(self, differentiate: Program, images: Tensor, labels: Tensor) -> Sequence[Tensor]:
        values = differentiate(images, labels)
        self._optimizer.move(values[self._shown :])
        return values[: self._shown]

    def _differentiate(self, images: Tensor, labels: Tensor) -> Sequence[Tensor]:
        """The log-probabilities, the observations of the last batch, then every parameter's gradient.

        The loss is summed over replicates and samples, so that no replicate's gradient depends on another's.
        """
        share = self._share_of(labels.shape[1], self._parameters[0])
        if self._accumulate == 1:
            log_probabilities, observations, gradients = self._of_batch(images, labels, share)
            return [log_probabilities, *observations, *gradients]
        batches = zip(images.split(self.batch_size, 1), labels.split(self.batch_size, 1), strict=True)
        parts = [self._of_batch(*batch, share) for batch in batches]
        gradients = [torch.stack(each).sum(0) for each in zip(*(of_batch for _, _, of_batch in parts), strict=True)]
        return [torch.cat([seen for seen, _, _ in parts], dim=-1), *parts[-1][1], *gradients]

    def _of_batch(
        self, images: Tensor, labels: Tensor, share: Tensor
    ) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
        """The log-probabilities, the observations, and every parameter's gradient by one batch."""
        with self._watch.open():
            log_probabilities = log_probabilities_of(self._stack(self.pixels(images)))
        observations = self._watch.values()
        loss = F.nll_loss(log_probabilities, labels, reduction="sum")
        gradients = torch.autograd.grad(loss, self._parameters, share, materialize_grads=True)
        return log_probabilities.detach(), observations, gradients

    def _share_of(self, samples: int, like: Tensor) -> Tensor:
        """A sample's part in the mean loss of its batch."""
        if samples not in self._share:
            self._share[samples] = like.new_full((), 1 / samples)
        return self._share[samples]
