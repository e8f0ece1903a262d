"""One training step's forward and backward pass over the stack: plain, recorded or compiled.

Shapes: R replicates, N batch, U distinct seeds, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.recorded import Program, record
from bnlab.stack import depends_on_tensors_alone

WORTH_RECORDING = 400
"""Steps of a training in which a recording, a tenth of a second or two, is paid back."""


class Step:
    """Log-probabilities and gradients of one batch.

    Full batches run in the recorded form where that is possible and the training long enough: the same kernels in the
    same order, hence the same bits. An epoch's last, smaller batch is not worth a recording of its own.

    Args:
        stack: as `lift` makes it; its tensors stay where they are while it trains.
        parameters: those that are trained.
        batch_size: of a full batch.
        total_steps: how long it will train.
        compiled: compile the recorded form. The kernels are then other ones, so the last bits differ.
    """

    def __init__(
        self, stack: nn.Module, parameters: Sequence[Tensor], batch_size: int, total_steps: int, *, compiled: bool
    ) -> None:
        self._stack, self._parameters, self._batch_size = stack, parameters, batch_size
        self._share: dict[int, Tensor] = {}
        self._compiled = compiled
        self._records = compiled or total_steps >= WORTH_RECORDING
        self._full_batch: Program | None = None

    def __call__(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """From pixels (U, N, ...) and labels (R, N): the classes' log-probabilities (R, N, K), and the gradients."""
        if labels.shape[1] != self._batch_size:
            log_probabilities, *gradients = self._plain(pixels, labels)
            return log_probabilities, gradients
        if self._full_batch is None:
            self._full_batch = self._faster(pixels, labels)
        log_probabilities, *gradients = self._full_batch(pixels, labels)
        return log_probabilities, gradients

    def _faster(self, pixels: Tensor, labels: Tensor) -> Program:
        """The fastest form of the step on batches like these."""
        if not self._records or not depends_on_tensors_alone(self._stack):
            return self._plain
        share = self._share_of(labels.shape[1], self._parameters[0])
        state = [*self._stack.parameters(), *self._stack.buffers(), share]
        try:
            return record(self._plain, [pixels, labels], state, compiled=self._compiled)
        except RuntimeError:  # it looks at a number to decide what to do
            return self._plain

    def _plain(self, pixels: Tensor, labels: Tensor) -> Sequence[Tensor]:
        """The loss is summed over replicates and samples, so that no replicate's gradient depends on another's."""
        log_probabilities = F.log_softmax(self._stack(pixels), dim=-1)
        loss = F.nll_loss(log_probabilities.flatten(0, 1), labels.flatten(), reduction="sum")
        share = self._share_of(labels.shape[1], loss)
        return [log_probabilities.detach(), *torch.autograd.grad(loss, self._parameters, share, materialize_grads=True)]

    def _share_of(self, samples: int, like: Tensor) -> Tensor:
        """A sample's part in the mean loss of its batch."""
        if samples not in self._share:
            self._share[samples] = like.new_full((), 1 / samples)
        return self._share[samples]
