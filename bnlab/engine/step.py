"""One training step of a stack: plain, recorded or compiled.

Shapes: R replicates, N batch, U distinct seeds, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Scaling
from bnlab.engine.evaluation import log_probabilities_of
from bnlab.engine.kernels import NumberSeenError, Program, RecordingError, record
from bnlab.engine.optimizer import StackOptimizer
from bnlab.engine.products import fastest_products
from bnlab.lifting import Watch, depends_on_tensors_alone, weight_gradients_at_once

Warn = Callable[[str], None]

WORTH_RECORDING = 400
"""Steps that a training needs for recording to pay off: it takes a tenth of a second or two."""


class Step:
    """Trains a stack on one batch: forward pass, backward pass and the optimizer's update.

    Where possible, and in a training that is long enough, the step on a full batch is recorded (`bnlab.engine.kernels`)
    and then replayed: the same kernels in the same order, hence the same bits. An epoch's last, smaller batch is always
    trained in the plain way.

    Args:
        stack: as `lift` makes it. Its tensors must stay at the same addresses.
        parameters: those that are trained.
        optimizer: updates them.
        scaling: makes the stack's float inputs of uint8 images.
        batch_size: images of a full batch.
        accumulate: how many batches' gradients are added up for one update. The step is called with all their images.
        total_steps: of the training.
        compiled: compile the forward and backward pass. The compiler's kernels are other ones, so the last bits differ.
        warn: is called with one line of text if the step is slower than expected, which says why.
        watch: collects the observations that the step returns; None: there are none.
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
        warn: Warn,
        watch: Watch | None = None,
    ) -> None:
        self._warn = warn
        self._watch = Watch(stack, [], []) if watch is None else watch
        self._shown = 1 + len(self._watch.declared)
        self._stack, self._parameters, self._optimizer, self._scaling = stack, parameters, optimizer, scaling
        self.batch_size, self._accumulate, self._compiled = batch_size, accumulate, compiled
        self._share: dict[int, Tensor] = {}
        self._is_recordable = depends_on_tensors_alone(stack)
        self._records = self._is_recordable and (compiled or total_steps >= WORTH_RECORDING)
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
        """The log-probabilities (R, K, N) and the parameters' gradients, without an update.

        They are those that a step on this batch computes, to the bit unless it is compiled.
        """
        values = self._differentiate(images, labels)
        return values[0], list(values[self._shown :])

    def pixels(self, images: Tensor) -> Tensor:
        """uint8 images as the float inputs of the stack."""
        return self._scaling.to_float(images, self._parameters[0].dtype)

    def _fastest(self, images: Tensor, labels: Tensor) -> Program:
        """The fastest form of the step on batches like these."""
        if not self._records:
            return self._plain
        share = self._share_of(labels.shape[1], self._parameters[0])
        state = [*self._stack.parameters(), *self._stack.buffers(), share]
        if self._compiled:
            try:
                # PyTorch's own products: the compiler refuses those of oneDNN.
                differentiate = record(self._derivatives, [images, labels], state, compiled=True)
                return partial(self._move_along, differentiate)  # compiling the optimizer's kernels gains nothing
            except NumberSeenError:
                return self._plain
            except RecordingError as error:
                self._warn(f"the step cannot be compiled and is only recorded: {error}")
        try:
            return record(self._plain, [images, labels], [*state, *self._optimizer.tensors()])
        except NumberSeenError:
            return self._plain
        except RecordingError as error:
            self._warn(f"the step cannot be recorded, so it is slower: {error}")
            return self._plain

    def _move_along(self, differentiate: Program, images: Tensor, labels: Tensor) -> Sequence[Tensor]:
        values = differentiate(images, labels)
        self._optimizer.move(values[self._shown :])
        return values[: self._shown]

    def _differentiate(self, images: Tensor, labels: Tensor) -> Sequence[Tensor]:
        """The same as `_derivatives`, by the fastest products.

        A step that cannot be recorded keeps PyTorch's: looking at each kernel takes longer than these save.
        """
        with fastest_products() if self._is_recordable else nullcontext():
            return self._derivatives(images, labels)

    def _derivatives(self, images: Tensor, labels: Tensor) -> Sequence[Tensor]:
        """The log-probabilities, the observations of the last batch, then every parameter's gradient.

        The gradient of a replicate is that of its mean loss: losses are summed over the replicates, not averaged.
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
        # Not if every step runs through Python, which takes longer than this saves.
        at_once = weight_gradients_at_once(self._stack) if self._is_recordable else nullcontext()
        with self._watch.open(), at_once:
            log_probabilities = log_probabilities_of(self._stack(self.pixels(images)))
        observations = self._watch.values()
        loss = F.nll_loss(log_probabilities, labels, reduction="sum")
        gradients = torch.autograd.grad(loss, self._parameters, share, materialize_grads=True)
        return log_probabilities.detach(), observations, gradients

    def _share_of(self, samples: int, like: Tensor) -> Tensor:
        """The weight 1 / N of a sample in the mean loss of its batch, as a tensor that stays at one address."""
        if samples not in self._share:
            self._share[samples] = like.new_full((), 1 / samples)
        return self._share[samples]
